"""A message as kombu has it, and as a row has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

HIGHEST_PRIORITY = 9
HIGHEST_WEIGHT = 100

_ENCODER = json.JSONEncoder(default=str)


@dataclass(frozen=True, slots=True)
class Message:
    """What is put into a queue.

    `payload` is the JSON text of a kombu message. `priority` is 0 to 9, 9 first. `due_at` is an ISO 8601 time with
    its zone, before which the message is not delivered. `expires_in` is in seconds. Messages with a `fairness_key`
    share their queue evenly by key, or by `fairness_weight`, 1 to 100.
    """

    queue: str
    payload: str
    priority: int = 0
    due_at: str | None = None
    expires_in: float | None = None
    message_id: str | None = None
    fairness_key: str | None = None
    fairness_weight: int = 1

    @classmethod
    def of(cls, queue: str, raw: Mapping[str, Any]) -> Message:
        """Return the row of a kombu message: its payload with what headers and properties say about delivery.

        Raises ValueError for headers that cannot be followed.
        """
        headers, properties = raw.get("headers") or {}, raw.get("properties") or {}
        key = headers.get("fairness_key")
        return cls(
            queue=queue,
            payload=_ENCODER.encode(raw),
            priority=_priority(properties.get("priority")),
            due_at=_due_at(headers.get("eta")),
            expires_in=_expires_in(properties.get("expiration")),
            message_id=headers.get("id") or properties.get("message_id"),
            fairness_key=None if key is None else str(key),
            fairness_weight=_weight(headers.get("fairness_weight")),
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row that was claimed or taken; `held` says that it was kept until it was due."""

    consumer_id: int
    id: int
    queue: str
    payload: str
    deliveries: int
    held: bool

    @property
    def tag(self) -> str:
        """Names this delivery, not the message: a later delivery of the same message has another tag."""
        return f"{self.consumer_id}.{self.id}.{self.deliveries}"

    def raw(self) -> dict[str, Any]:
        """Return the message as kombu's virtual channels want it.

        A message that was held until it was due comes without `eta`: Celery would hold it again, by its own clock.
        Raises ValueError when kombu could not read it either.
        """
        try:
            raw: dict[str, Any] = json.loads(self.payload)
            headers, properties = dict(raw["headers"]), raw["properties"]
            _require_readable(raw["body"], properties.get("body_encoding"))
            properties["delivery_tag"] = self.tag
            properties["delivery_info"]["redelivered"] = self.deliveries > 1
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"kombu did not write this: {error!r}") from error
        if self.held:
            headers["eta"] = None
        if self.deliveries > 1:
            headers["x-delivery-count"] = self.deliveries - 1
        return raw | {"headers": headers}


def _require_readable(body: object, encoding: str | None) -> None:
    """Raise ValueError for a body that kombu cannot decode."""
    if encoding == "base64" and isinstance(body, str):
        base64.b64decode(body)
    elif encoding is not None:
        raise ValueError(f"the encoding {encoding!r} of its body is unknown")


def _priority(value: object) -> int:
    try:
        return max(0, min(int(value), HIGHEST_PRIORITY))  # type: ignore[call-overload,no-any-return]  # caught below
    except (TypeError, ValueError):
        return 0


def _due_at(eta: object) -> str | None:
    """Return the time until which a message is held: Celery's `eta`, when it says which moment it means."""
    if eta is None:
        return None
    try:
        moment = eta if isinstance(eta, datetime) else datetime.fromisoformat(str(eta))
    except ValueError:
        return None
    return moment.isoformat() if moment.tzinfo else None


def _expires_in(expiration: object) -> float | None:
    """Return seconds; AMQP has milliseconds, as text."""
    if expiration is None:
        return None
    try:
        return int(str(expiration)) / 1000
    except ValueError:
        raise ValueError(f"the property expiration must be a number of milliseconds, not {expiration!r}") from None


def _weight(value: object) -> int:
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= HIGHEST_WEIGHT:
        raise ValueError(f"the header fairness_weight must be a whole number from 1 to {HIGHEST_WEIGHT}, not {value!r}")
    return value
