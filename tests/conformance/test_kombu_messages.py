"""That a message arrives as it was sent."""

from __future__ import annotations

import pytest
from kombu import Connection, Producer, Queue
from kombu.message import Message

_TEXT = 'Größe 貸借対照表 🏦 \u0000 \\u0000 \'; -- "quoted" %s {} \N{RIGHT-TO-LEFT OVERRIDE}'


@pytest.mark.parametrize(
    "body",
    [_TEXT, {_TEXT: [1, 2.5, None, True, {"nested": [_TEXT]}]}, [], "", 0, None, 2**63],
    ids=["text", "nested", "empty list", "empty text", "zero", "none", "large number"],
)
def test_json_arrives_as_it_was(connection: Connection, name: str, body: object) -> None:
    assert _sent_through(connection, name, body, serializer="json").decode() == body


def test_text_without_a_serializer_arrives_as_it_was(connection: Connection, name: str) -> None:
    message = _sent_through(connection, name, _TEXT)
    assert (message.decode(), message.content_type, message.content_encoding) == (_TEXT, "text/plain", "utf-8")


@pytest.mark.parametrize("body", [bytes(range(256)) * 3, b"", b"\x00"], ids=["every byte", "empty", "zero"])
def test_bytes_arrive_as_they_were(connection: Connection, name: str, body: bytes) -> None:
    message = _sent_through(connection, name, body, content_type="application/data", content_encoding="binary")
    # py-amqp has text for a body of no bytes.
    assert bytes(message.decode() or b"") == body
    assert (message.content_type, message.content_encoding) == ("application/data", "binary")


@pytest.mark.parametrize("compression", ["zlib", "bzip2"])
def test_a_compressed_body_arrives_as_it_was(connection: Connection, name: str, compression: str) -> None:
    body = [_TEXT] * 100
    message = _sent_through(connection, name, body, serializer="json", compression=compression)
    assert message.decode() == body
    assert "compression" in message.headers


def test_headers_arrive_as_they_were(connection: Connection, name: str) -> None:
    headers = {
        "text": "Größe 🏦 ' \" \\ %s",
        "number": -5,
        "large": 2**40,
        "fraction": 0.5,
        "flag": True,
        "nothing": None,
        "list": [1, "two", None],
        "nested": {"deeper": {"still": ["x"]}},
        "ä key": "",
    }
    assert _sent_through(connection, name, "body", headers=headers).headers == headers


def test_properties_arrive_as_they_were(connection: Connection, name: str) -> None:
    properties = {
        "correlation_id": "correlated",
        "reply_to": "somewhere",
        "message_id": "identified",
        "app_id": "application",
        "type": "kind",
        "priority": 3,
        "delivery_mode": 2,
    }
    message = _sent_through(connection, name, "body", **properties)
    assert {key: message.properties.get(key) for key in properties} == properties


def test_the_exchange_and_the_key_of_the_publication_arrive(connection: Connection, name: str) -> None:
    message = _sent_through(connection, name, "body")
    assert (message.delivery_info["exchange"], message.delivery_info["routing_key"]) == ("", name)


def test_a_body_of_five_megabytes_arrives_as_it_was(connection: Connection, name: str) -> None:
    body = bytes(range(256)) * (5 * 4096)
    message = _sent_through(connection, name, body, content_type="application/data", content_encoding="binary")
    assert bytes(message.decode()) == body


def _sent_through(connection: Connection, name: str, body: object, **options: object) -> Message:
    """Publish to a queue of that name and return what comes out of it."""
    queue = Queue(name)(connection)
    queue.declare()
    producer: Producer = connection.Producer()
    producer.publish(body, routing_key=name, **options)
    message: Message | None = queue.get(accept=["json", "text/plain", "application/data"])
    assert message is not None
    message.ack()
    return message
