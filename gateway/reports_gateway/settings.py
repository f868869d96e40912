"""Settings of the gateway process."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from reports_core.settings import Address, ProcessSettings, load, refuse_open_address

_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")


def _origins(text: str) -> str:
    for origin in text.split():
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin} is no origin; write https://app.example.com, several with spaces between, or *")
    return text


class GatewaySettings(ProcessSettings):
    """Where the gateway listens and which services it calls."""

    rest_address: Address = "127.0.0.1:8000"
    server: str = "127.0.0.1:50051"
    """gRPC target of the services that have no setting of their own below."""
    submission_server: str | None = None
    status_server: str | None = None
    report_server: str | None = None
    allow_unauthenticated: bool = False
    cors_origins: Annotated[str, AfterValidator(_origins)] = ""
    """Origins, separated by spaces, whose pages may call the gateway from a browser; `*` for any."""


def load_settings() -> GatewaySettings:
    """Return the validated settings; raise SettingsError, which names the variable and the remedy."""
    settings = load(GatewaySettings)
    refuse_open_address("FNA_REPORTS_REST_ADDRESS", settings.rest_address, allowed=settings.allow_unauthenticated)
    return settings
