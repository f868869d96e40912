"""Engines and transactions on the application's database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

P = ParamSpec("P")
T = TypeVar("T")


def sync_url(database_url: str) -> URL:
    """Return the URL with psycopg2 as its driver; a bare `postgresql://` would mean another one."""
    return make_url(database_url).set(drivername="postgresql+psycopg2")


def sync_engine(database_url: str, *, pool_size: int, application_name: str) -> Engine:
    """Return an engine for threads; connections are tested before use, since databases restart."""
    return create_engine(
        sync_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"application_name": application_name, "connect_timeout": 10},
    )


def async_engine(database_url: str, *, pool_size: int, application_name: str) -> AsyncEngine:
    """Return an engine for the event loop.

    asyncpg reads the URL itself, so that libpq's parameters (`sslmode`, ...) mean the same for both drivers.
    """

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url, timeout=10, server_settings={"application_name": application_name})

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=pool_size, max_overflow=0, pool_pre_ping=True
    )


class Database:
    """The storage functions for callers on an event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one storage function in a transaction of its own and return its result."""
        async with self._engine.begin() as conn:
            return await conn.run_sync(lambda sync: function(sync, *args, **kwargs))
