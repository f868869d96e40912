"""The brokers that the suite compares: which of them this machine has, and how one is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kombu import Connection

from tests.conformance import rabbitmq

MEMORY = "memory"
RABBITMQ = "rabbitmq"
POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs; tests share it, under names of their own.

    `transport` names kombu's class where the URL cannot.
    """

    name: str
    url: str
    transport: str | None = None

    def connect(self) -> Connection:
        """Return a connection, which is made when it is first used."""
        # A published message is in its queue when `publish` returns; py-amqp alone has the option, and needs it.
        return Connection(self.url, transport=self.transport, transport_options={"confirm_publish": True})

    def celery_settings(self) -> dict[str, Any]:
        """Return the settings by which a Celery application uses it."""
        return {"broker_url": self.url, "broker_transport": self.transport}


def available() -> tuple[str, ...]:
    """Name the brokers of this run: without RabbitMQ, the reference, where there is none."""
    return (MEMORY, RABBITMQ, POSTGRESQL) if rabbitmq.is_available() else (MEMORY, POSTGRESQL)


def report_header() -> str:
    """Say which brokers the suite runs on, for pytest's header."""
    absent = "" if rabbitmq.is_available() else "; there is no RabbitMQ on this machine to compare them with"
    return f"conformance: {', '.join(available())}{absent}"
