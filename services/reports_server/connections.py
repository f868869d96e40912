"""How the server treats connections: who is still there, how old one may get, who else may listen."""

from __future__ import annotations

from reports_server.settings import ServerSettings

_LEAST_PING_INTERVAL_SECONDS = 5
"""Clients that ping more often than this while nothing is sent are taken for abusers."""


def options(settings: ServerSettings) -> list[tuple[str, int]]:
    """Return gRPC's options of the server."""
    chosen = {
        # Without it two servers on one port would silently share its calls.
        "grpc.so_reuseport": int(settings.share_port),
        # Clients tell a dead connection by pinging; without this, pings more often than every 5 minutes, or beside no
        # call at all, would be answered with GOAWAY.
        "grpc.http2.min_ping_interval_without_data_ms": _LEAST_PING_INTERVAL_SECONDS * 1000,
        "grpc.keepalive_permit_without_calls": 1,
        # When a server comes back, all its watchers do at once: above these limits (1,000 and 3,000 by default) calls
        # that wait to be begun would be cancelled at random.
        "grpc.server.max_pending_requests": settings.max_watchers,
        "grpc.server.max_pending_requests_hard_limit": settings.max_watchers,
        "grpc.keepalive_time_ms": round(settings.keepalive_seconds * 1000),
        "grpc.keepalive_timeout_ms": round(settings.keepalive_timeout_seconds * 1000),
        # Without it a lost client is noticed after a minute, whatever the option above says.
        "grpc.http2.ping_timeout_ms": round(settings.keepalive_timeout_seconds * 1000),
    }
    if settings.max_connection_age_seconds:
        chosen["grpc.max_connection_age_ms"] = round(settings.max_connection_age_seconds * 1000)
        chosen["grpc.max_connection_age_grace_ms"] = round(settings.max_connection_age_grace_seconds * 1000)
    return list(chosen.items())
