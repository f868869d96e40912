"""What the arguments and the settings of the command are read as."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import date, timedelta
from uuid import UUID

_MOST_SECONDS = 7 * 24 * 3600


def uuid(text: str) -> str:
    """Return a UUID in its usual form."""
    try:
        return str(UUID(text))
    except ValueError:
        raise ArgumentTypeError(f"must be a UUID, not {text}") from None


def whole_number(text: str) -> int:
    """Return a whole number from 0."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"must be a whole number from 0, not {text}")
    return int(text)


def seconds(text: str) -> timedelta:
    """Return a time of more than 0 seconds and at most 7 days."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= _MOST_SECONDS:
        raise ArgumentTypeError(f"must be seconds above 0, not {text}")
    return timedelta(seconds=found)


def truth(text: str) -> bool:
    """Return what `true` or `false`, or another word for them, means."""
    match text.lower():
        case "true" | "yes" | "on" | "1":
            return True
        case "false" | "no" | "off" | "0":
            return False
    raise ArgumentTypeError(f"must be true or false, not {text}")


def target(text: str) -> str:
    """Return a gRPC target."""
    if re.match(r"(https?|grpcs?)://", text):
        raise ArgumentTypeError(f"must be HOST:PORT of the gRPC service, not the URL {text}")
    return text


def period(text: str) -> str:
    """Return a fiscal period."""
    if not re.fullmatch(r"(Q[1-4]|FY) [0-9]{4}", text):
        raise ArgumentTypeError(f"must be like 'Q1 2024' or 'FY 2024', not {text}")
    return text


def day(text: str) -> str:
    """Return a day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ArgumentTypeError(f"must be a day as YYYY-MM-DD, not {text}") from None


def label(text: str) -> tuple[str, str]:
    """Return the key and the value of a label."""
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise ArgumentTypeError(f"must be KEY=VALUE, not {text}")
    return key, value
