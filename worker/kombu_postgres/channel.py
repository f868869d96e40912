"""A channel: queues, exchanges and bindings in the database, publishing and consuming."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from queue import Empty
from typing import TYPE_CHECKING, Any

from amqp.protocol import queue_declare_ok_t
from kombu.exceptions import ChannelError
from kombu.transport import virtual
from kombu.transport.base import to_rabbitmq_queue_arguments
from kombu.utils.uuid import uuid

from kombu_postgres import statements
from kombu_postgres.batch import PublishBatch
from kombu_postgres.message import Message
from kombu_postgres.qos import QoS

if TYPE_CHECKING:
    from kombu_postgres.transport import Transport


class Channel(virtual.Channel):
    """All state is the database's; a channel knows only who consumes through it."""

    QoS = QoS
    supports_fanout = True
    connection: Transport

    # Bodies of text stay readable in `payload`; others are encoded.
    body_encoding: str | None = None  # type: ignore[assignment]  # kombu says that it may be

    def __init__(self, connection: Transport, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._streams: set[str] = set()

    @property
    def queues(self) -> list[str]:
        """The queues that are consumed with acknowledgement."""
        return [queue for queue in self._active_queues if queue not in self._streams]

    @property
    def streams(self) -> list[str]:
        """The queues that are read without."""
        return [queue for queue in self._active_queues if queue in self._streams]

    # Queues.

    def prepare_queue_arguments(self, arguments: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Express a queue's options, such as `expires`, as its arguments."""
        expressed: dict[str, Any] = to_rabbitmq_queue_arguments(arguments, **options)
        return expressed

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        arguments = kwargs.get("arguments") or {}
        self.connection.publisher.execute(
            statements.DECLARE_QUEUE,
            queue=queue,
            auto_delete=bool(kwargs.get("auto_delete") or kwargs.get("exclusive")),
            expires=_seconds(arguments.get("x-expires")),
            message_ttl=_seconds(arguments.get("x-message-ttl")),
        )

    def queue_declare(self, queue: str | None = None, passive: bool = False, **kwargs: Any) -> Any:
        """Make a queue, or with `passive` demand that there is one; answers how much waits in it, and for whom."""
        queue = queue or f"amq.gen-{uuid()}"
        if not passive:
            self._new_queue(queue, **kwargs)
        elif not self._has_queue(queue):
            raise ChannelError(f"NOT_FOUND - no queue {queue!r}", (50, 10), "Channel.queue_declare", "404")
        ((consumers,),) = self.connection.publisher.execute(statements.QUEUE_CONSUMERS, queue=queue)
        return queue_declare_ok_t(queue, self._size(queue), consumers)

    def queue_delete(self, queue: str, if_unused: bool = False, if_empty: bool = False, **kwargs: Any) -> None:
        """Delete a queue with its messages and bindings."""
        if if_empty and self._size(queue):
            return
        if if_unused and self.connection.publisher.execute(statements.QUEUE_CONSUMERS, queue=queue) != [(0,)]:
            return
        self.connection.publisher.execute(statements.DELETE_QUEUE, queue=queue)

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        ((exists,),) = self.connection.publisher.execute(statements.QUEUE_EXISTS, queue=queue)
        return bool(exists)

    def _size(self, queue: str) -> int:
        ((size,),) = self.connection.publisher.execute(statements.QUEUE_SIZE, queue=queue)
        return int(size)

    def _purge(self, queue: str) -> int:
        ((purged,),) = self.connection.publisher.execute(statements.PURGE, queue=queue)
        return int(purged)

    # Exchanges and bindings.

    def exchange_declare(
        self,
        exchange: str | None = None,
        type: str = "direct",  # noqa: A002  # kombu's name
        durable: bool = False,
        auto_delete: bool = False,
        arguments: dict[str, Any] | None = None,
        nowait: bool = False,
        passive: bool = False,
    ) -> None:
        """Make an exchange, or demand that it is there; one of the same name must be alike."""
        type = type or "direct"  # noqa: A001
        exchange = exchange or f"amq.{type}"
        if not passive:
            self.connection.publisher.execute(
                statements.DECLARE_EXCHANGE,
                exchange=exchange,
                type=type,
                durable=durable,
                auto_delete=auto_delete,
                arguments=json.dumps(arguments or {}),
            )
        rows = self.connection.publisher.execute(statements.EXCHANGE, exchange=exchange)
        if not rows:
            raise ChannelError(f"NOT_FOUND - no exchange {exchange!r}", (50, 10), "Channel.exchange_declare", "404")
        if not passive and rows[0][0] != type:
            raise ChannelError(
                f"PRECONDITION_FAILED - exchange {exchange!r} is of type {rows[0][0]!r}, not {type!r}",
                (40, 10),
                "Channel.exchange_declare",
                "406",
            )

    def exchange_delete(self, exchange: str, if_unused: bool = False, nowait: bool = False) -> None:
        """Delete an exchange and its bindings; queues stay."""
        if if_unused and self.get_table(exchange):
            return
        self.connection.publisher.execute(statements.DELETE_EXCHANGE, exchange=exchange)

    def queue_bind(
        self,
        queue: str,
        exchange: str | None = None,
        routing_key: str = "",
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Bind a queue to an exchange."""
        ((new,),) = self.connection.publisher.execute(
            statements.BIND,
            exchange=exchange or "amq.direct",
            queue=queue,
            routing_key=routing_key or "",
            pattern=_pattern(routing_key or ""),
        )
        if new:
            self.connection.silence.forget()
            self.connection.publisher.execute(statements.ANNOUNCE_BINDING)

    def queue_unbind(
        self,
        queue: str,
        exchange: str | None = None,
        routing_key: str = "",
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take a binding away."""
        self.connection.publisher.execute(
            statements.UNBIND, exchange=exchange or "amq.direct", queue=queue, routing_key=routing_key or ""
        )

    def get_table(self, exchange: str) -> list[tuple[str, str | None, str]]:
        """Return the bindings of an exchange: routing key, pattern and queue of each."""
        return [tuple(row) for row in self.connection.publisher.execute(statements.BINDINGS, exchange=exchange)]

    # Publishing.

    def basic_publish(self, message: dict[str, Any], exchange: str, routing_key: str, **kwargs: Any) -> None:
        """Put a message into the queues that the exchange and the routing key lead to; durable when this returns."""
        messages = self.routed(message, exchange, routing_key)
        if messages:
            self.connection.publisher.publish(messages)

    def create_publish_batch(self, max_size: int) -> PublishBatch:
        """Begin what `with producer.batch():` publishes."""
        return PublishBatch(self, max_size)

    def routed(self, message: dict[str, Any], exchange: str, routing_key: str) -> list[Message]:
        """Return a message for each queue that it goes to."""
        self._inplace_augment_message(message, exchange, routing_key)
        queues = self._route(exchange, routing_key) if exchange else [routing_key]
        if not queues and self.deadletter_queue:
            queues = [self.deadletter_queue]
        return [Message.of(queue, message) for queue in queues]

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        self.connection.publisher.publish([Message.of(queue, message)])

    def encode_body(self, body: Any, encoding: str | None = None) -> tuple[Any, str | None]:
        """Leave text as it is; JSON has no bytes."""
        encoded: tuple[Any, str | None] = super().encode_body(body, "base64" if isinstance(body, bytes) else encoding)
        return encoded

    def _route(self, exchange: str, routing_key: str) -> list[str]:
        """Return the queues behind an exchange.

        A topic that nobody listens to, such as Celery's events, is not looked up again until there is a new binding.
        """
        silence = self.connection.silence
        if silence.reigns(exchange, routing_key):
            return []
        began = silence.number
        ((kind, queues),) = self.connection.publisher.execute(
            statements.ROUTE, exchange=exchange, routing_key=routing_key
        )
        if kind == "topic" and not queues:
            silence.note(exchange, routing_key, began)
        return list(queues)

    # Consuming.

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Callable[[Any], object], consumer_tag: str, **kwargs: Any
    ) -> None:
        """Deliver what arrives in a queue to `callback`; without acknowledgement, what is delivered is gone."""
        if no_ack:
            self._streams.add(queue)
        else:
            self._streams.discard(queue)
        super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)
        self.connection.subscribe()

    def basic_cancel(self, consumer_tag: str) -> None:
        """Deliver no more of a queue; what was delivered stays to be acknowledged."""
        super().basic_cancel(consumer_tag)
        if not self.closed:
            self.connection.subscribe()

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        """Return one message, or None."""
        delivery = self.connection.get(queue, keep=not no_ack)
        if delivery is None:
            return None
        message = self.Message(delivery.raw(), channel=self)
        if not no_ack:
            self.qos.append(message, message.delivery_tag)
        return message

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        delivery = self.connection.get(queue, keep=False)
        if delivery is None:
            raise Empty
        return delivery.raw()

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Acknowledge a message, and with `multiple` all that were delivered before it."""
        tags = list(self.qos._delivered) if multiple else []  # noqa: SLF001  # kombu keeps the order there
        for tag in tags[: tags.index(delivery_tag)] if delivery_tag in tags else []:
            self.qos.ack(tag)
        self.qos.ack(delivery_tag)

    def basic_qos(self, prefetch_size: int = 0, prefetch_count: int = 0, apply_global: bool = False) -> None:
        """Change how many messages the channel may hold unacknowledged; 0 means any number."""
        super().basic_qos(prefetch_size, prefetch_count, apply_global)
        self.connection.look()


def _seconds(milliseconds: object) -> float | None:
    return None if milliseconds is None else float(str(milliseconds)) / 1000


def _pattern(binding_key: str) -> str:
    """Return the regular expression of a topic, for a routing key with a dot before each of its words."""
    words = {"*": r"\.[^.]*", "#": r"(\.[^.]*)*"}
    return "^" + "".join(words.get(word, r"\." + re.escape(word)) for word in binding_key.split(".")) + "$"
