"""Routes of webhooks: where they go, their secret, and what was delivered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from fna.reports.v1.batch_status_service_pb2 import ListWebhookDeliveriesRequest
from fna.reports.v1.batch_submission_service_pb2 import (
    GetWebhookSettingsRequest,
    RedeliverWebhookRequest,
    RotateWebhookSecretRequest,
)
from reports_gateway.documented import errors
from reports_gateway.request_body import JSON, json_body, openapi_body
from reports_gateway.routes.segment import BATCH, DELIVERY, BatchId, DeliveryId
from reports_gateway.schemas.webhook import (
    NewWebhookSecret,
    RedeliverWebhookBody,
    RotateWebhookSecretBody,
    UpdateWebhookSettingsBody,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookSettings,
)
from reports_gateway.upstream import Upstream

router = APIRouter(tags=["webhooks"])

_WEBHOOK = "/v1/webhook"


@router.get(_WEBHOOK, responses=errors())
async def get_webhook_settings(upstream: Upstream) -> WebhookSettings:
    """Return where webhooks go unless a batch says otherwise."""
    method = upstream.services.submission.GetWebhookSettings
    return WebhookSettings.of((await upstream.unary(method, GetWebhookSettingsRequest())).settings)


@router.put(
    _WEBHOOK,
    openapi_extra=openapi_body({JSON: UpdateWebhookSettingsBody.model_json_schema()}),
    responses=errors("CROSS_SITE_REFUSED", "CONTENT_TOO_LARGE", "WEBHOOK_SECRET_MISSING"),
)
async def update_webhook_settings(
    upstream: Upstream, body: Annotated[UpdateWebhookSettingsBody, Depends(json_body(UpdateWebhookSettingsBody))]
) -> WebhookSettings:
    """Set the URL of batches that are submitted without one from now on."""
    answer = await upstream.unary(upstream.services.submission.UpdateWebhookSettings, body.message())
    return WebhookSettings.of(answer.settings)


@router.post(
    f"{_WEBHOOK}:rotateSecret",
    openapi_extra=openapi_body({JSON: RotateWebhookSecretBody.model_json_schema()}, required=False),
    dependencies=[Depends(json_body(RotateWebhookSecretBody))],
    responses=errors("CROSS_SITE_REFUSED", "CONTENT_TOO_LARGE"),
)
async def rotate_webhook_secret(response: Response, upstream: Upstream) -> NewWebhookSecret:
    """Make a new secret, the first one included; for 24 hours webhooks are signed with the previous one too."""
    response.headers["Cache-Control"] = "no-store"
    method = upstream.services.submission.RotateWebhookSecret
    return NewWebhookSecret.of(await upstream.unary(method, RotateWebhookSecretRequest()))


@router.get(f"{BATCH}/webhook-deliveries", responses=errors("BATCH_NOT_FOUND"))
async def list_webhook_deliveries(batch_id: BatchId, upstream: Upstream) -> WebhookDeliveries:
    """List the webhooks of a batch with their attempts."""
    message = ListWebhookDeliveriesRequest(batch_id=batch_id)
    return WebhookDeliveries.of(await upstream.unary(upstream.services.status.ListWebhookDeliveries, message))


@router.post(
    f"{DELIVERY}:redeliver",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=openapi_body({JSON: RedeliverWebhookBody.model_json_schema()}, required=False),
    dependencies=[Depends(json_body(RedeliverWebhookBody))],
    responses=errors("CROSS_SITE_REFUSED", "CONTENT_TOO_LARGE", "BATCH_NOT_FOUND", "WEBHOOK_DELIVERY_NOT_FOUND"),
)
async def redeliver_webhook(batch_id: BatchId, delivery_id: DeliveryId, upstream: Upstream) -> WebhookDelivery:
    """Deliver a webhook again, now, whatever its status."""
    message = RedeliverWebhookRequest(batch_id=batch_id, delivery_id=delivery_id)
    answer = await upstream.unary(upstream.services.submission.RedeliverWebhook, message)
    return WebhookDelivery.of(answer.delivery)
