"""How both clients connect to the service."""

from __future__ import annotations

import os
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import grpc

from fna.reports._identity import is_local
from fna.reports.errors import ReportsError, UnavailableError


def installed_version() -> str:
    """Return the version of this package; `unknown` when it runs without being installed."""
    try:
        return version("fna-reports")
    except PackageNotFoundError:
        return "unknown"


_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.primary_user_agent", f"fna-reports-python/{installed_version()}"),
    # A connection that lost its peer without a word is found out even when no stream with heartbeats uses it. Below a
    # minute a server would take the pings for abuse; 0 is "no limit to pings without data".
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Newer releases of grpc wait for the answer a minute, whatever the option above says.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # A server that was restarted is found again within about a second; the defaults grow to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # The time that one attempt to connect may take, in spite of its name.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # A server that comes back under another address: the default is to ask the resolver again after 30 seconds.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # A page of a thousand items that failed is larger than the 4 MiB of the default.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


def options(target: str) -> tuple[tuple[str, int | str], ...]:
    """Return the options of a connection.

    gRPC would take the proxy of `http_proxy` even to this machine, where a secret may go unencrypted.
    """
    return (*_OPTIONS, ("grpc.enable_http_proxy", 0)) if is_local(target) else _OPTIONS


def tls_credentials(
    *,
    ca_file: str | os.PathLike[str] | None = None,
    cert_file: str | os.PathLike[str] | None = None,
    key_file: str | os.PathLike[str] | None = None,
) -> grpc.ChannelCredentials:
    """Return credentials for an encrypted connection, to give to a client as `credentials`.

    The server's certificate is checked against the certificates in `ca_file` (PEM), by default against those that gRPC
    brings along. `cert_file` and `key_file` (PEM) are shown to a server that asks for them (mutual TLS).

    Raises: `OSError` when a file cannot be read; `ValueError` when only one of `cert_file` and `key_file` is given.
    """
    if (cert_file is None) != (key_file is None):
        raise ValueError("cert_file and key_file belong together: give both, or neither")
    ca, key, chain = (None if path is None else Path(path).read_bytes() for path in (ca_file, key_file, cert_file))
    return grpc.ssl_channel_credentials(ca, key, chain)


def not_connected(target: str, within: timedelta) -> UnavailableError:
    """Return the error for a connection that did not come up."""
    return UnavailableError(
        f"cannot connect to {target} within {within.total_seconds():g} s", code=grpc.StatusCode.UNAVAILABLE
    )


def closed() -> ReportsError:
    """Return the error for a call of a client that was closed."""
    return ReportsError("the client is closed", code=grpc.StatusCode.CANCELLED)
