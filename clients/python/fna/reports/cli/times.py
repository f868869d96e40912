"""Times as text for people."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp


def time_text(time: Timestamp) -> str:
    """Return `2024-11-23 05:26:00Z`, nothing for a time that is not set."""
    if not time.seconds:
        return ""
    return time.ToDatetime().isoformat(sep=" ", timespec="seconds") + "Z"
