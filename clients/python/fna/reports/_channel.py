"""How both clients connect to the service."""

from __future__ import annotations

from datetime import timedelta

import grpc

from fna.reports.errors import UnavailableError

OPTIONS: tuple[tuple[str, int], ...] = (
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
)


def not_connected(target: str, within: timedelta) -> UnavailableError:
    """Return the error for a connection that did not come up."""
    return UnavailableError(
        f"cannot connect to {target} within {within.total_seconds():g} s", code=grpc.StatusCode.UNAVAILABLE
    )
