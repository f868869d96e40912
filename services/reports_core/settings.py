"""Settings of a process, from the environment and `.env`, validated before anything starts."""

from __future__ import annotations

import ipaddress
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from reports_core.locations import Location, location

PREFIX = "FNA_REPORTS_"


class SettingsError(Exception):
    """A setting is missing or invalid; the text names the variable and the remedy."""


def _postgresql_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ValueError("must look like postgresql://user:password@host:port/database")
    return "postgresql" + value[len(parts.scheme) :]


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be host:port, for example 127.0.0.1:50051 or [::1]:50051")
    return value


PostgresqlUrl = Annotated[str, AfterValidator(_postgresql_url)]
"""A `postgresql://` URL with the name of a database; `postgres://` is read as the same."""

Address = Annotated[str, AfterValidator(_address)]
"""`host:port`; a port of 0 takes a free one."""


Place = Annotated[Location, PlainValidator(location), NoDecode]
"""The path of a folder, or a URL that fsspec knows and that can be used here."""


class ProcessSettings(BaseSettings):
    """Settings that any process may have; a subclass adds its own as fields with defaults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class DatabaseSettings(ProcessSettings):
    """Settings of a process that works on the database."""

    database_url: PostgresqlUrl = Field(validation_alias="DATABASE_URL")
    direct_database_url: PostgresqlUrl | None = None
    """The same database past PgBouncer, when `database_url` leads to it; see `session_url`."""
    broker_url: str | None = None
    """Where Celery's messages go; not set means the application's own database."""
    documents_url: Place = Field(
        default_factory=lambda: (
            Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "fna-reports" / "documents"
        )
    )
    """Folder or URL where the content of reports is kept; shared by services and workers."""
    lease_seconds: float = Field(default=20, gt=0, le=3600)
    """How long an attempt outlives the last sign of life of its worker."""
    sweep_seconds: float = Field(default=5, gt=0, le=3600)
    """Time between two sweeps of one process."""
    event_retention_hours: float = Field(default=168, gt=0, le=87_600)
    """How long the history of a batch is kept after its end."""

    webhook_allow_private: bool = False
    """Whether webhooks may go to private addresses: those of this machine and of networks that are not the internet."""

    @property
    def event_retention(self) -> timedelta:
        return timedelta(hours=self.event_retention_hours)

    @property
    def session_url(self) -> str:
        """The database for what needs a session of its own: listening, session locks, migrations."""
        return self.direct_database_url or self.database_url


S = TypeVar("S", bound=ProcessSettings)


def load(kind: type[S]) -> S:
    """Return the validated settings of a process.

    Raises SettingsError, whose text has a line for each variable that is missing or invalid.
    """
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(kind, dict(detail)) for detail in error.errors())) from None


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach `address` (`host:port`)."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_open_address(variable: str, address: str, *, allowed: bool) -> None:
    """Raise SettingsError when `address` is reachable from outside and nobody said that this is meant.

    There is no authentication yet, so whoever reaches the address may do everything.
    """
    if not allowed and not is_loopback(address):
        raise SettingsError(
            f"{variable}={address} can be reached from other machines and callers are not authenticated. "
            f"Use a loopback address such as 127.0.0.1, or set {PREFIX}ALLOW_UNAUTHENTICATED=true."
        )


def _explain(kind: type[ProcessSettings], detail: dict[str, object]) -> str:
    location = detail["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else ""
    variable = PREFIX + name.upper() if name in kind.model_fields else name
    if detail["type"] == "missing":
        return f"{variable} is not set. Set it in the environment or in .env{_EXAMPLES.get(variable, '')}."
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{variable} is invalid: {message}."


_EXAMPLES = {"DATABASE_URL": ", for example DATABASE_URL=postgresql://user:password@localhost:5432/fna_reports"}
