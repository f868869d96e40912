"""The service that accepts batches and controls them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from fna.reports.v1 import batch_pb2
from fna.reports.v1 import batch_submission_service_pb2 as pb
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceServicer
from reports_core.domain import webhook
from reports_core.domain.errors import BatchLimitExceeded, InvalidRequest
from reports_core.storage import batches, cancellation, events, reports, webhooks
from reports_core.storage.queue import Queue
from reports_core.storage.records import Batch
from reports_core.storage.transactions import Database
from reports_server import mapping
from reports_server.feed import Feed
from reports_server.owner import owner_of
from reports_server.upkeep import Upkeep

_AFTER_GRACE = timedelta(seconds=0.1)
"""So that the grace is over by the database's clock too."""


class BatchSubmission(BatchSubmissionServiceServicer):
    """Maps requests to storage calls; requests are validated by the interceptor."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        feed: Feed,
        upkeep: Upkeep,
        *,
        max_batch_size: int,
        private_webhooks: bool,
    ) -> None:
        self._database = database
        self._queue = queue
        self._feed = feed
        self._upkeep = upkeep
        self._max_batch_size = max_batch_size
        self._private_webhooks = private_webhooks

    async def SubmitBatch(
        self, request: pb.SubmitBatchRequest, context: ServicerContext[Any, Any]
    ) -> pb.SubmitBatchResponse:
        owner = owner_of(context)
        report_ids = _canonical(request.report_ids)
        if len(report_ids) > self._max_batch_size:
            raise BatchLimitExceeded(len(report_ids), self._max_batch_size)
        self._check_webhook("webhook_url", request.webhook_url)
        new = batches.NewBatch(
            owner=owner,
            report_ids=report_ids,
            request_id=mapping.optional_uuid(request.request_id),
            labels=dict(request.labels),
            priority=request.priority if request.HasField("priority") else batches.DEFAULT_PRIORITY,
            execution_timeout=_timeout(request),
            webhook_url=request.webhook_url,
        )
        if request.validate_only:
            unknown = await self._database.run(reports.unknown, owner, report_ids)
            return pb.SubmitBatchResponse(batch=_dry(new), unknown_report_ids=unknown)
        batch = await self._database.run(batches.submit, new, self._queue)
        return pb.SubmitBatchResponse(batch=mapping.batch_message(batch))

    async def CancelBatch(
        self, request: pb.CancelBatchRequest, context: ServicerContext[Any, Any]
    ) -> pb.CancelBatchResponse:
        batch = await self._database.run(
            batches.cancel,
            owner_of(context),
            UUID(request.batch_id),
            reason=request.reason,
            etag=request.etag,
        )
        await self._announce(batch)
        if not batch.status.final:
            self._upkeep.sweep_in(cancellation.SWEEP_GRACE + _AFTER_GRACE)
        return pb.CancelBatchResponse(batch=mapping.batch_message(batch))

    async def RetryBatch(
        self, request: pb.RetryBatchRequest, context: ServicerContext[Any, Any]
    ) -> pb.RetryBatchResponse:
        retry = batches.Retry(
            report_ids=_canonical(request.report_ids),
            request_id=mapping.optional_uuid(request.request_id),
            etag=request.etag,
        )
        batch = await self._database.run(batches.retry, owner_of(context), UUID(request.batch_id), retry, self._queue)
        await self._announce(batch)
        return pb.RetryBatchResponse(batch=mapping.batch_message(batch))

    async def GetWebhookSettings(
        self, request: pb.GetWebhookSettingsRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetWebhookSettingsResponse:
        found = await self._database.run(webhooks.settings, owner_of(context))
        return pb.GetWebhookSettingsResponse(settings=mapping.webhook_settings_message(found))

    async def UpdateWebhookSettings(
        self, request: pb.UpdateWebhookSettingsRequest, context: ServicerContext[Any, Any]
    ) -> pb.UpdateWebhookSettingsResponse:
        self._check_webhook("url", request.url)
        found = await self._database.run(webhooks.set_url, owner_of(context), request.url)
        return pb.UpdateWebhookSettingsResponse(settings=mapping.webhook_settings_message(found))

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: ServicerContext[Any, Any]
    ) -> pb.RotateWebhookSecretResponse:
        secret = webhook.new_secret()
        found = await self._database.run(webhooks.set_secret, owner_of(context), secret)
        return pb.RotateWebhookSecretResponse(secret=secret, settings=mapping.webhook_settings_message(found))

    async def RedeliverWebhook(
        self, request: pb.RedeliverWebhookRequest, context: ServicerContext[Any, Any]
    ) -> pb.RedeliverWebhookResponse:
        delivery = await self._database.run(
            _redeliver, owner_of(context), UUID(request.batch_id), UUID(request.delivery_id), self._queue
        )
        return pb.RedeliverWebhookResponse(delivery=mapping.webhook_delivery_message(delivery))

    def _check_webhook(self, field: str, url: str) -> None:
        complaint = webhook.complaint(url, allow_private=self._private_webhooks) if url else None
        if complaint:
            raise InvalidRequest(field, complaint)

    async def _announce(self, batch: Batch) -> None:
        self._feed.wake(batch.batch_id)
        await self._database.run(events.notify, [batch.batch_id])


def _redeliver(conn: Connection, owner: str, batch_id: UUID, delivery_id: UUID, queue: Queue) -> webhooks.Delivery:
    batches.get(conn, owner, batch_id)
    return webhooks.redeliver(conn, owner, batch_id, delivery_id, queue)


def _canonical(report_ids: Iterable[str]) -> list[str]:
    """Return the ids in lower case. Raises InvalidRequest when two differ in nothing else."""
    canonical = [report_id.lower() for report_id in report_ids]
    repeated = [report_id for report_id, count in Counter(canonical).items() if count > 1]
    if repeated:
        raise InvalidRequest("report_ids", f"must not contain duplicates: {repeated[0]}")
    return canonical


def _timeout(request: pb.SubmitBatchRequest) -> timedelta | None:
    return request.execution_timeout.ToTimedelta() if request.HasField("execution_timeout") else None


def _dry(new: batches.NewBatch) -> batch_pb2.Batch:
    return batch_pb2.Batch(
        status=batch_pb2.BATCH_STATUS_PROCESSING,
        total_reports=len(new.report_ids),
        labels=new.labels,
        priority=new.priority,
    )
