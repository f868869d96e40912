"""What can be set: libpq's connection parameters in the URL, and the options of the transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import psycopg2
from psycopg2.extensions import parse_dsn

# A cut connection shows after about 15 s instead of hours. Whatever the URL says goes first.
_CONNECTION_DEFAULTS: Mapping[str, str | int] = {
    "application_name": "kombu_postgres",
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}


@dataclass(frozen=True, slots=True)
class Options:
    """The options in `transport_options`; the README explains each."""

    lease_seconds: float = 25.0
    patrol_seconds: float = 1.4
    reconnect_grace_seconds: float = 5.0
    vacuum_after_rows: int = 10_000

    @classmethod
    def of(cls, transport_options: Mapping[str, Any]) -> Options:
        """Take the options that are ours; kombu and Celery have some of their own there.

        Raises ValueError for values that cannot work.
        """
        names = {field.name for field in fields(cls)}
        options = cls(**{name: value for name, value in transport_options.items() if name in names})
        for name in names:
            value = getattr(options, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise ValueError(f"transport option {name} must be a number above 0, not {value!r}")
        if options.lease_seconds < 4 * options.patrol_seconds:
            raise ValueError("transport option lease_seconds must be at least four times patrol_seconds")
        return options


def connection_parameters(url: str) -> dict[str, Any]:
    """Return libpq's parameters of a `postgresql://` URL, completed with our defaults; raises ValueError."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("the broker URL must look like postgresql://user:password@host:port/database")
    try:
        return {**_CONNECTION_DEFAULTS, **parse_dsn(url)}
    except psycopg2.ProgrammingError:
        # Its text would show a part of the password.
        raise ValueError(
            "the broker URL cannot be read: percent-encode special characters, also those of the password, and use "
            "libpq's parameters alone"
        ) from None
