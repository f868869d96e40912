"""For receivers of webhooks: tell whether one is ours, and read it.

Any library for [Standard Webhooks](https://www.standardwebhooks.com) does as well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_PREFIX = "whsec_"
_TOLERANCE = timedelta(minutes=5)


class WebhookVerificationError(Exception):
    """The request is not to be trusted: answer it with 401 and do nothing else. The text is for your log."""


@dataclass(frozen=True)
class Webhook:
    """A webhook that is ours.

    `id` is the same in every attempt at one delivery: who has acted on it answers 200 and does nothing. `type` is
    `batch.finished`; pass over what you do not know. `data` has the fields of the batch as its JSON over REST.
    """

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


def verify(
    body: bytes, headers: Mapping[str, str], secret: str, *, tolerance: timedelta = _TOLERANCE, now: float | None = None
) -> Webhook:
    """Return the webhook that a request carries.

    `body` is as it arrived, not parsed and written again. `headers` are the request's, in any case. `secret` is what
    `RotateWebhookSecret` returned. One that was sent longer than `tolerance` ago, or is dated that far ahead, is
    refused: it may be an old one that somebody sends again. `now` is the time in seconds, for tests.

    Raises: `WebhookVerificationError`; `ValueError` when `secret` is none.

    >>> import base64, hashlib, hmac
    >>> secret, body = "whsec_c2VjcmV0", b'{"type":"batch.finished","timestamp":"2026-01-01T00:00:00Z","data":{}}'
    >>> signed = b"msg_1.1700000000." + body
    >>> digest = base64.b64encode(hmac.new(b"secret", signed, hashlib.sha256).digest()).decode()
    >>> headers = {"Webhook-Id": "msg_1", "Webhook-Timestamp": "1700000000", "Webhook-Signature": f"v1,{digest}"}
    >>> verify(body, headers, secret, now=1700000060).type
    'batch.finished'
    """
    key = _key(secret)
    found = {name.lower(): value for name, value in headers.items()}
    identifier, timestamp = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    if not identifier or not timestamp.isdecimal():
        raise WebhookVerificationError("webhook-id or webhook-timestamp is missing or malformed")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance.total_seconds():
        raise WebhookVerificationError(
            f"it was signed at {timestamp}, which is too long ago or ahead; check the clocks"
        )
    digest = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    given = found.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
        raise WebhookVerificationError("no signature is ours; is the secret the present one, and the body unchanged?")
    return _parsed(identifier, body)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:  # Anybody can sign with an empty one.
        raise ValueError("secret must be whsec_ and Base64, as RotateWebhookSecret returned it")
    return key


def _parsed(identifier: str, body: bytes) -> Webhook:
    try:
        content = json.loads(body)
        return Webhook(identifier, content["type"], content["timestamp"], content["data"])
    except (ValueError, TypeError, KeyError):
        raise WebhookVerificationError("it is signed and yet no webhook of a form that is known here") from None
