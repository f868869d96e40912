"""Puts messages into queues within the caller's own transaction, through psycopg2 or anything else.

    wakeup = publish(connection, messages)
    connection.commit()
    wakeup.fire(connection)

`kombu_postgres.sqlalchemy` does the same on SQLAlchemy's connections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kombu_postgres import statements
from kombu_postgres.database import Connection, execute
from kombu_postgres.message import Message

Execute = Callable[[str, Mapping[str, object]], object]
"""Runs a statement whose parameters are written `:name`."""


_SOON = timedelta(seconds=5)
"""What is due later than that, keepers find in time by themselves."""


@dataclass(frozen=True, slots=True)
class Wakeup:
    """Who waits for these queues is to be told, after the commit.

    Whoever does not fire it delays its messages to the next look of a waiting consumer's keeper, a second or two.
    """

    queues: tuple[str, ...] = ()
    messages: int = 0
    due_soon: bool = False

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Wakeup:
        """Return the wake-up that these messages need."""
        ready = [message.queue for message in messages if message.due_at is None]
        soon = datetime.now(UTC) + _SOON
        return cls(
            queues=tuple(dict.fromkeys(ready)),
            messages=len(ready),
            due_soon=any(datetime.fromisoformat(message.due_at) < soon for message in messages if message.due_at),
        )

    @classmethod
    def into(cls, queues: Sequence[str]) -> Wakeup:
        """Return the wake-up for messages that are ready in these queues, one entry each."""
        return cls(queues=tuple(dict.fromkeys(queues)), messages=len(queues))

    def __bool__(self) -> bool:
        return bool(self.queues) or self.due_soon

    def __add__(self, other: Wakeup) -> Wakeup:
        return Wakeup(
            tuple(dict.fromkeys((*self.queues, *other.queues))),
            self.messages + other.messages,
            self.due_soon or other.due_soon,
        )

    def parameters(self) -> dict[str, object]:
        """Return the parameters of `statements.WAKE`."""
        return {"queues": list(self.queues), "messages": self.messages, "due_soon": self.due_soon}

    def fire(self, connection: Connection) -> None:
        """Wake consumers, through a psycopg2 connection without an open transaction."""
        self.fire_with(lambda statement, values: execute(connection, statement, **values))
        if not connection.autocommit:
            connection.commit()

    def fire_with(self, run: Execute) -> None:
        """Do as `fire`; `run` must end its transaction, and must have begun it after the messages were committed."""
        if self:
            run(statements.WAKE, self.parameters())


def publish(connection: Connection, messages: Sequence[Message]) -> Wakeup:
    """Insert messages through a psycopg2 connection, as a part of its transaction."""
    return publish_with(lambda statement, values: execute(connection, statement, **values), messages)


def publish_with(run: Execute, messages: Sequence[Message]) -> Wakeup:
    """Insert messages with one statement."""
    if not messages:
        return Wakeup()
    statement, values = insertion(messages)
    run(statement, values)
    return Wakeup.of(messages)


def insertion(messages: Sequence[Message]) -> tuple[str, dict[str, object]]:
    """Return the statement that inserts these messages, and its parameters."""
    fairly = any(message.fairness_key is not None for message in messages)
    if len(messages) == 1 and not fairly:
        (message,) = messages
        return statements.INSERT, {
            "queue": message.queue,
            "payload": message.payload,
            "priority": message.priority,
            "due_at": message.due_at,
            "expires_in": message.expires_in,
            "message_id": message.message_id,
        }
    values: dict[str, object] = {
        "queues": [message.queue for message in messages],
        "payloads": [message.payload for message in messages],
        "priorities": [message.priority for message in messages],
        "due_ats": [message.due_at for message in messages],
        "expires_ins": [message.expires_in for message in messages],
        "message_ids": [message.message_id for message in messages],
    }
    if not fairly:
        return statements.INSERT_MANY, values
    return statements.INSERT_FAIRLY, values | {
        "fairness_keys": [message.fairness_key for message in messages],
        "fairness_weights": [message.fairness_weight for message in messages],
    }
