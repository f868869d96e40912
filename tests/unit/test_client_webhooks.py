"""Receivers tell ours from others, with the client alone."""

from __future__ import annotations

import doctest
import json

import pytest

import fna.reports.webhooks
from fna.reports.webhooks import WebhookVerificationError, verify
from reports_core.domain.webhook import new_secret, signature

NOW = 1_700_000_000
BODY = json.dumps(
    {"type": "batch.finished", "timestamp": "2026-01-01T00:00:00Z", "data": {"status": "FAILED"}}
).encode()
SECRET = new_secret()


def headers(body: bytes = BODY, *secrets: str, timestamp: int = NOW) -> dict[str, str]:
    signatures = [signature(secret, "msg_1", timestamp, body) for secret in secrets or (SECRET,)]
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": " ".join(signatures),
    }


def test_one_of_ours_is_read() -> None:
    webhook = verify(BODY, headers(), SECRET, now=NOW)
    assert (webhook.id, webhook.type, webhook.data) == ("msg_1", "batch.finished", {"status": "FAILED"})


def test_one_signature_of_several_is_enough_while_secrets_change() -> None:
    assert verify(BODY, headers(BODY, new_secret(), SECRET), SECRET, now=NOW).id == "msg_1"


@pytest.mark.parametrize("age", [-301, 301])
def test_an_old_or_future_one_is_refused(age: int) -> None:
    with pytest.raises(WebhookVerificationError, match="clocks"):
        verify(BODY, headers(timestamp=NOW - age), SECRET, now=NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,AAAA v1a,x ü"},
        {"Webhook-Id": "msg_2"},
        {"Webhook-Id": ""},
        {"Webhook-Timestamp": "now"},
        {"Webhook-Timestamp": str(NOW + 1)},
    ],
)
def test_one_that_is_not_signed_as_it_stands_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        verify(BODY, headers() | changed, SECRET, now=NOW)


def test_another_body_or_secret_is_refused() -> None:
    for body, secret in ((BODY + b" ", SECRET), (BODY, new_secret())):
        with pytest.raises(WebhookVerificationError, match="no signature"):
            verify(body, headers(), secret, now=NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type": 1}', b"\xff"])
def test_what_is_signed_and_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookVerificationError, match="form"):
        verify(body, headers(body), SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["whsec_?", "whsec_", ""])
def test_a_secret_that_is_none_is_the_receivers_own_mistake(secret: str) -> None:
    with pytest.raises(ValueError, match="RotateWebhookSecret"):
        verify(BODY, headers(), secret, now=NOW)


def test_the_example_of_the_documentation_works() -> None:
    assert doctest.testmod(fna.reports.webhooks).attempted > 0
    assert doctest.testmod(fna.reports.webhooks).failed == 0
