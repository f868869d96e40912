"""Settings of the gRPC server."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from reports_core.settings import Address, DatabaseSettings, Place


class ServerSettings(DatabaseSettings):
    """What the server reads from the environment and `.env`."""

    grpc_address: Address = "127.0.0.1:50051"
    allow_unauthenticated: bool = False
    """Accept unauthenticated callers on an address that other machines can reach."""
    source_roots: Annotated[tuple[Place, ...], NoDecode] = ()
    """Folders and URLs, separated by `:`, under which `source_uri` of RegisterReport may point."""
    max_batch_size: int = Field(default=10_000, ge=1, le=10_000)
    max_watchers: int = Field(default=20_000, ge=1)
    """Watches that one process serves at once."""
    max_watchers_per_owner: int = Field(default=10_000, ge=1)
    """Watches of one owner that one process serves at once."""
    pool_size: int = Field(default=10, ge=2, le=200)
    """Connections to the database."""
    statement_timeout_seconds: float = Field(default=30, gt=0, le=3600)
    """How long the database may take for one statement; callers are then told that it is not available."""
    shutdown_grace_seconds: float = Field(default=10, ge=0)
    """How long running calls may take after SIGTERM."""
    share_port: bool = False
    """Let several processes listen on `grpc_address`; the kernel spreads connections over them. Linux only."""
    keepalive_seconds: float = Field(default=30, ge=1, le=7200)
    """How long a connection may be silent before the server asks whether its client is still there."""
    keepalive_timeout_seconds: float = Field(default=10, gt=0, le=7200)
    """How long the client may take to answer that."""
    max_connection_age_seconds: float = Field(default=0, ge=0)
    """Age at which clients are told to connect again, so that new replicas get their share; 0 means never."""
    max_connection_age_grace_seconds: float = Field(default=30, ge=0)
    """How long calls of a connection that old may still take."""

    @field_validator("source_roots", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in _BETWEEN_ROOTS.split(value) if part) if isinstance(value, str) else value


_BETWEEN_ROOTS = re.compile(r":(?!//|\d+/)")
"""A colon, but not that of a protocol or of a port."""
