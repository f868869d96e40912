"""Settings of the gRPC server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from reports_core.settings import Address, DatabaseSettings


class ServerSettings(DatabaseSettings):
    """What the server reads from the environment and `.env`."""

    grpc_address: Address = "127.0.0.1:50051"
    allow_unauthenticated: bool = False
    """Accept unauthenticated callers on an address that other machines can reach."""
    source_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders, separated by `:`, under which `source_uri` of RegisterReport may point."""
    max_batch_size: int = Field(default=10_000, ge=1, le=10_000)
    max_watchers: int = Field(default=20_000, ge=1)
    """Watches that one process serves at once."""
    pool_size: int = Field(default=10, ge=2, le=200)
    """Connections to the database."""
    shutdown_grace_seconds: float = Field(default=10, ge=0)
    """How long running calls may take after SIGTERM."""

    @field_validator("source_roots", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(":") if part) if isinstance(value, str) else value
