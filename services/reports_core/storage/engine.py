"""Engines on the application's database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def sync_url(database_url: str) -> URL:
    """Return the URL with psycopg2 as its driver; a bare `postgresql://` would mean another one."""
    return make_url(database_url).set(drivername="postgresql+psycopg2")


def sync_engine(database_url: str, *, pool_size: int, application_name: str) -> Engine:
    """Return an engine for threads; connections are tested before use, since databases restart."""
    url = sync_url(database_url).update_query_dict({"application_name": application_name, "connect_timeout": "10"})
    return create_engine(url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True)


def frugal_engine(engine: Engine) -> Engine:
    """Return an engine with one connection to the same database that sends what it is asked to, and nothing else.

    Every statement is a transaction of its own. A connection that broke meanwhile shows at its next statement.
    """
    return create_engine(engine.url, pool_size=1, max_overflow=0, isolation_level="AUTOCOMMIT")


def async_engine(
    database_url: str, *, pool_size: int, application_name: str, statement_timeout_seconds: float, pooler: bool = False
) -> AsyncEngine:
    """Return an engine for the event loop; `pooler` says that the URL may lead to PgBouncer in transaction mode.

    A statement that takes longer than `statement_timeout_seconds`, also because nothing answers any more, raises
    TimeoutError.

    asyncpg reads the URL itself, so that libpq's parameters (`sslmode`, ...) mean the same for both drivers.
    """
    # Behind a pooler the next transaction may meet another session, which knows no statement prepared before. So none
    # is kept, and none has a name: each is prepared and run within one transaction.
    prepared = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: ""} if pooler else {}
    options = {"statement_cache_size": 0} if pooler else {}
    connect = _connecting(database_url, application_name, statement_timeout_seconds, **options)
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": connect, **prepared},
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
    )


def reading_engine(
    database_url: str, *, pool_size: int, application_name: str, statement_timeout_seconds: float
) -> AsyncEngine:
    """Return an engine for the event loop whose statements are a transaction each, in one round trip.

    For reads that are repeated when they fail: a connection that broke meanwhile shows at its next statement. The URL
    must lead to PostgreSQL itself.
    """
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": _connecting(database_url, application_name, statement_timeout_seconds)},
        pool_size=pool_size,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
    )


def _connecting(
    database_url: str, application_name: str, statement_timeout_seconds: float, **options: int
) -> Callable[[], Awaitable[asyncpg.Connection]]:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            database_url,
            timeout=10,
            command_timeout=statement_timeout_seconds,
            server_settings={"application_name": application_name},
            **options,
        )

    return connect
