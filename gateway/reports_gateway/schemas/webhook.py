"""The JSON of webhook settings and deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from fna.reports.v1 import webhook_pb2
from reports_gateway.schemas.wire import BareEnum, RequestModel, ResponseModel, demanded, duration_text, time

DELIVERY_STATUS = BareEnum(webhook_pb2.WebhookDeliveryStatus)

DeliveryStatus = Annotated[str | None, DELIVERY_STATUS.response_schema()]
WebhookUrl = Annotated[str, demanded(anyOf=[{"format": "uri", "maxLength": 2048}, {"const": ""}])]


class WebhookSettings(ResponseModel):
    """Where webhooks go unless a batch says otherwise."""

    url: str | None
    has_secret: bool
    """Whether there is a secret to sign with."""
    secret_created_at: datetime | None

    @classmethod
    def of(cls, message: webhook_pb2.WebhookSettings) -> Self:
        return cls(
            url=message.url or None,
            has_secret=message.has_secret,
            secret_created_at=time(message, "secret_created_at"),
        )


class UpdateWebhookSettingsBody(RequestModel):
    """What to set."""

    url: WebhookUrl
    """An `https` or `http` URL; empty for none."""

    def message(self) -> submission_pb2.UpdateWebhookSettingsRequest:
        return submission_pb2.UpdateWebhookSettingsRequest(url=self.url)


class RotateWebhookSecretBody(RequestModel):
    """Nothing: an empty object, or no body at all."""


class NewWebhookSecret(ResponseModel):
    """A new secret, shown this once."""

    secret: str
    """`whsec_` and the key of the signatures in Base64."""
    settings: WebhookSettings

    @classmethod
    def of(cls, message: submission_pb2.RotateWebhookSecretResponse) -> Self:
        return cls(secret=message.secret, settings=WebhookSettings.of(message.settings))


class RedeliverWebhookBody(RequestModel):
    """Nothing: an empty object, or no body at all."""


class WebhookAttempt(ResponseModel):
    """One attempt at a delivery."""

    started_at: datetime | None
    duration: str | None
    response_status: int | None
    """HTTP status of the answer; null when there was none."""
    error: str | None
    """Why it failed; null when the receiver took it."""

    @classmethod
    def of(cls, message: webhook_pb2.WebhookAttempt) -> Self:
        return cls(
            started_at=time(message, "started_at"),
            duration=duration_text(message, "duration"),
            response_status=message.response_status or None,
            error=message.error or None,
        )


class WebhookDelivery(ResponseModel):
    """The end of one execution of a batch, delivered at least once."""

    delivery_id: str
    """Every attempt carries it as `webhook-id`."""
    batch_id: str
    task_id: str
    url: str
    status: DeliveryStatus
    attempt_count: int
    attempts: list[WebhookAttempt]
    """The last 50."""
    next_attempt_at: datetime | None
    created_at: datetime | None
    delivered_at: datetime | None

    @classmethod
    def of(cls, message: webhook_pb2.WebhookDelivery) -> Self:
        return cls(
            delivery_id=message.delivery_id,
            batch_id=message.batch_id,
            task_id=message.task_id,
            url=message.url,
            status=DELIVERY_STATUS.name(message.status),
            attempt_count=message.attempt_count,
            attempts=[WebhookAttempt.of(attempt) for attempt in message.attempts],
            next_attempt_at=time(message, "next_attempt_at"),
            created_at=time(message, "created_at"),
            delivered_at=time(message, "delivered_at"),
        )


class WebhookDeliveries(ResponseModel):
    """The webhooks of a batch, the newest first, at most 100."""

    deliveries: list[WebhookDelivery]

    @classmethod
    def of(cls, message: status_pb2.ListWebhookDeliveriesResponse) -> Self:
        return cls(deliveries=[WebhookDelivery.of(delivery) for delivery in message.deliveries])
