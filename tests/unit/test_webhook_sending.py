"""One attempt at a webhook, over real HTTP."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from fna.reports.webhooks import verify
from reports_core.domain.webhook import DELAYS, DeliveryStatus, new_secret
from reports_core.storage.webhooks import Delivery, Taken
from reports_worker import sending
from tests.support.receiver import Receiver, Reply

ID = UUID(int=1)
SECRETS = [new_secret(), new_secret()]
PAYLOAD = {
    "type": "batch.finished",
    "timestamp": "2026-01-01T00:00:00Z",
    "data": {"status": "COMPLETED", "labels": {"desk": "Zürich"}},
}


def taken(url: str, failures: int = 0) -> Taken:
    now = datetime.now(UTC)
    delivery = Delivery(ID, ID, ID, url, PAYLOAD, DeliveryStatus.PENDING, failures, failures, [], now, now, None)
    return Taken(delivery, SECRETS)


def send(url: str, *, allow_private: bool = True) -> sending.Answer:
    return sending.send(taken(url), allow_private=allow_private)


@contextlib.contextmanager
def raw_receiver(reply: bytes, received: list[bytes] | None = None) -> Iterator[int]:
    """Answer one connection with these bytes, which need not be HTTP, and yield the port."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            first = connection.recv(65_536)
            if received is not None:
                received.append(first)
            connection.sendall(reply)
            # What is left unread would take the reply back; the other side may end with a reset.
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65_536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join()


def test_a_webhook_arrives_signed_with_every_secret() -> None:
    with Receiver() as receiver:
        answer = send(receiver.url)
    assert answer.attempt.error is None
    assert answer.attempt.response_status == 204
    (received,) = receiver.received
    assert received.path == "/hooks?a=b"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body) == PAYLOAD
    for secret in SECRETS:
        assert verify(received.body, received.headers, secret).id == str(ID)


def test_a_name_is_looked_up_and_told_to_the_receiver() -> None:
    with Receiver() as receiver:
        assert send(f"http://localhost:{receiver.port}/").attempt.error is None
    assert receiver.received[0].headers["host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_name_that_leads_to_a_private_address_is_never_connected_to(host: str) -> None:
    with Receiver() as receiver:
        answer = send(f"http://{host}:{receiver.port}/", allow_private=False)
    assert receiver.received == []
    assert answer.final
    assert "private address" in (answer.attempt.error or "")


def test_a_redirect_is_not_followed() -> None:
    with Receiver() as other, Receiver(Reply(302, {"Location": other.url})) as receiver:
        answer = send(receiver.url)
    assert answer.attempt.error == "the receiver answered 302 Found"
    assert other.received == []


@pytest.mark.parametrize("location", ["http://[::1", "http://xn--i-7iq.ws/", "//", "\x7f"])
def test_where_a_redirect_leads_is_not_even_read(location: str) -> None:
    with Receiver(Reply(302, {"Location": location})) as receiver:
        answer = send(receiver.url)
    assert answer.attempt.error == "the receiver answered 302 Found"


@pytest.mark.parametrize(("status", "final"), [(500, False), (404, False), (400, False), (410, True)])
def test_an_answer_that_is_no_success_is_a_failure(status: int, final: bool) -> None:
    with Receiver(Reply(status)) as receiver:
        answer = send(receiver.url)
    assert (answer.attempt.response_status, answer.final) == (status, final)
    assert str(status) in (answer.attempt.error or "")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("soon", None),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0),
        ("999999999", 86_400),
        (5_000 * "9", 86_400),
        (f"Thu, 01 Jan 2015 00:00:00 +{20 * '9'}", None),
    ],
)
def test_the_wait_that_a_receiver_asks_for_is_read(value: str, seconds: int | None) -> None:
    with Receiver(Reply(503, {"Retry-After": value})) as receiver:
        answer = send(receiver.url)
    assert answer.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_nobody_there_is_a_failure_that_says_so() -> None:
    with Receiver() as receiver:
        url = receiver.url
    answer = send(url)
    assert not answer.final
    assert "no connection" in (answer.attempt.error or "")


def test_a_name_that_is_none_is_a_failure_that_says_so() -> None:
    answer = send("http://receiver.invalid/")
    assert not answer.final
    assert "looked up" in (answer.attempt.error or "")


@pytest.mark.parametrize("host", ["a..b", ".example.com", 64 * "a", "[v1.a]"])
def test_a_host_that_cannot_be_looked_up_is_given_up_at_once(host: str) -> None:
    answer = send(f"http://{host}/")
    assert answer.final
    assert "the URL cannot be used" in (answer.attempt.error or "")


def test_of_what_a_receiver_says_the_log_keeps_little() -> None:
    with raw_receiver(b"HTTP/1.1 500 " + 90_000 * b"x" + b"\r\nContent-Length: 0\r\n\r\n") as port:
        answer = send(f"http://127.0.0.1:{port}/")
    assert answer.attempt.response_status == 500
    assert len(answer.attempt.error or "") == 500


@pytest.mark.parametrize("name", ["xn--i-7iq.example", "xn--fa-hia.example"])
def test_the_certificate_that_is_asked_for_is_that_of_the_name_as_it_is_written(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hellos: list[bytes] = []
    with raw_receiver(b"this is no TLS", hellos) as port:
        here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        look_up = socket.getaddrinfo
        # No name server of a test knows such names; what is connected to is an address and looked up as ever.
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *rest, **more: here if host == name else look_up(host, *rest, **more)
        )
        answer = send(f"https://{name}:{port}/")
    assert not answer.final
    assert name.encode() in hellos[0]


def test_a_receiver_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_TIMEOUT", httpx.Timeout(0.2))
    with Receiver(Reply(hold=threading.Event())) as receiver:
        answer = send(receiver.url)
    assert answer.attempt.error == "the receiver took too long to answer"


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Receiver() as receiver:
        assert send(receiver.url).attempt.error is None


@pytest.mark.parametrize(
    ("failures", "status"), [(0, "RETRYING"), (len(DELAYS) - 1, "RETRYING"), (len(DELAYS), "FAILED")]
)
def test_a_delivery_is_tried_again_until_its_waits_are_used_up(failures: int, status: str) -> None:
    with Receiver(Reply(500)) as receiver:
        found = taken(receiver.url, failures)
        decision = sending.decide(found.delivery, sending.send(found, allow_private=True))
    assert decision.status == status
    assert (decision.delay is None) == (status == "FAILED")


def test_a_receiver_that_is_gone_is_not_tried_again() -> None:
    with Receiver(Reply(410)) as receiver:
        found = taken(receiver.url)
        decision = sending.decide(found.delivery, sending.send(found, allow_private=True))
    assert decision == sending.Decision(DeliveryStatus.FAILED)


def test_the_query_of_a_url_is_not_written_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with Receiver() as receiver:
        send(f"{receiver.url}&token=secret")
    assert "token=secret" not in caplog.text
