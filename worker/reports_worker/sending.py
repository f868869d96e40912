"""Sending a webhook: a signed POST to an address that was looked at first.

What is connected to is the address that was checked, not the name: a second look-up could have another answer.
Proxies of the environment are not used, and of the answer only the status and `Retry-After` count. The request goes to
httpx's transport itself: its client reads where a redirect leads, also one that is not followed, and fails on some.
"""

from __future__ import annotations

import ipaddress
import json
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
from celery.exceptions import SoftTimeLimitExceeded

from reports_core.domain.webhook import DeliveryStatus, delay_after_failure, is_public, signature, unmapped
from reports_core.storage.webhooks import Attempt, Delivery, Taken

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_USER_AGENT = "fna-reports-webhook/1"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST_ERROR = 500
_LONGEST_RETRY_AFTER = timedelta(days=1)


class _Refused(Exception):
    """The name leads to an address that webhooks may not go to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt; `final` says that no other attempt would have another end."""

    attempt: Attempt
    final: bool = False
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the delivery, and how long it waits for another attempt if there is to be one."""

    status: DeliveryStatus
    delay: timedelta | None = None


def send(taken: Taken, *, allow_private: bool) -> Answer:
    """Attempt the delivery; whatever goes wrong with the receiver or on the way is an answer."""
    started_at, started = datetime.now(UTC), time.monotonic()

    def over(status: int | None, error: str | None) -> Attempt:
        # A receiver may say as much as it likes, and the log keeps many attempts.
        told = error[:_LONGEST_ERROR] if error else error
        return Attempt(started_at, timedelta(seconds=time.monotonic() - started), status, told)

    try:
        response = _post(taken, int(started_at.timestamp()), allow_private=allow_private)
    except _Refused as refused:
        return Answer(over(None, str(refused)), final=True)
    except SoftTimeLimitExceeded:
        return Answer(over(None, "the receiver took too long to answer"))
    except (httpx.InvalidURL, UnicodeError) as error:
        return Answer(over(None, f"the URL cannot be used: {error}"), final=True)
    except (httpx.HTTPError, OSError) as error:
        return Answer(over(None, _told(error)))
    if response.is_success:
        return Answer(over(response.status_code, None))
    refusal = f"the receiver answered {response.status_code} {response.reason_phrase}".strip()
    return Answer(
        over(response.status_code, refusal),
        final=response.status_code == HTTPStatus.GONE,
        retry_after=_retry_after(response.headers.get("retry-after", "")),
    )


def decide(delivery: Delivery, answer: Answer) -> Decision:
    """Say what becomes of a delivery after an attempt."""
    if answer.attempt.error is None:
        return Decision(DeliveryStatus.DELIVERED)
    luck = random.uniform(-1, 1)  # noqa: S311 - nobody gains by guessing it
    delay = None if answer.final else delay_after_failure(delivery.failures + 1, asked=answer.retry_after, luck=luck)
    return Decision(DeliveryStatus.FAILED if delay is None else DeliveryStatus.RETRYING, delay)


def _post(taken: Taken, timestamp: int, *, allow_private: bool) -> httpx.Response:
    """Send the request to the first address that takes a connection; return the head of the answer."""
    delivery = taken.delivery
    body = json.dumps(delivery.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    identifier = str(delivery.delivery_id)
    url = httpx.URL(delivery.url)
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, identifier, timestamp, body) for secret in taken.secrets),
    }
    # The certificate must be that of the name, as it stands in the URL: not every name has a form in other letters.
    extensions = {"sni_hostname": url.raw_host.decode("ascii"), "timeout": _TIMEOUT.as_dict()}
    with httpx.HTTPTransport(trust_env=False) as transport:
        for address in (addresses := list(_addresses(delivery.url, allow_private=allow_private))):
            request = httpx.Request(
                "POST", url.copy_with(host=address), headers=headers, content=body, extensions=extensions
            )
            try:
                response = transport.handle_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if address == addresses[-1]:
                    raise
            else:
                response.close()
                return response
    raise OSError("the name of the receiver leads to no address")


def _addresses(url: str, *, allow_private: bool) -> Iterator[str]:
    """Yield the addresses of the URL's host; raise _Refused when any is private, and OSError when there are none."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    # In the order of the system's preference, each once. A scope (%eth0) belongs to a private address.
    texts = list(dict.fromkeys(str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found))
    for text in texts:
        address = unmapped(ipaddress.ip_address(text))
        if not allow_private and not is_public(address):
            raise _Refused(
                f"{parts.hostname} leads to {address}, a private address; have the operator set "
                "FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE=true if that is meant"
            )
    yield from texts


def _told(error: Exception) -> str:
    """Return what went wrong, for people."""
    match error:
        case socket.gaierror():
            return f"the name of the receiver could not be looked up: {error.strerror}"
        case httpx.ConnectTimeout() | httpx.ConnectError():
            return f"no connection to the receiver: {error}"
        case httpx.TimeoutException():
            return "the receiver took too long to answer"
        case _:
            return f"the receiver did not answer: {error}"


def _retry_after(value: str) -> timedelta | None:
    """Return what the header asks for: seconds, or a time."""
    if value.isdecimal():
        # Python reads no number of thousands of digits.
        return _LONGEST_RETRY_AFTER if len(value) > len("86400") else timedelta(seconds=int(value))
    try:
        return max(parsedate_to_datetime(value) - datetime.now(UTC), timedelta(0)) if value else None
    except (ValueError, TypeError, OverflowError):
        return None
