"""Idempotency keys of HTTP as request ids of the contract."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID, uuid5

from fastapi import Header

from reports_gateway.problems import invalid_field

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Any text of at most 255 characters; the same text again returns the answer of the first call.",
    ),
]

_NAMESPACE = UUID("6f0c2f3c-6d0e-5a55-9d0b-0b8f6a3c1e57")

# There is one owner until callers are authenticated.
_OWNER = "default"


def request_id(key: str | None, given: str | None) -> str | None:
    """Return the request id of a call that has a key, a request id of its own, both or none.

    The same key of two owners makes two request ids, so nobody can occupy another's key.
    """
    if key is None:
        return given
    derived = str(uuid5(uuid5(_NAMESPACE, _OWNER), key))
    if given is None or given == derived:
        return derived
    if given == key:
        return given
    raise invalid_field("request_id", "is not the Idempotency-Key of the header; send only one of the two")
