"""The service that returns batches and streams their progress."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from fna.reports.v1 import batch_pb2
from fna.reports.v1 import batch_status_service_pb2 as pb
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceServicer
from reports_core.domain.batch import ItemStatus
from reports_core.storage import analyses, batches, items, reports, webhooks
from reports_core.storage.records import Batch, Item, Report, StoredAnalysis
from reports_core.storage.transactions import Database
from reports_server import mapping, paging
from reports_server.feed import Feed
from reports_server.outgoing import Outgoing
from reports_server.owner import owner_of
from reports_server.watch import Watch, WatchOptions
from reports_server.watch_batches import WatchBatches, WatchBatchesOptions

DEFAULT_HEARTBEAT_SECONDS = 15.0
_FULL_VIEW_ITEMS = 1000
_MAX_RESULTS = 100
_MAX_PAGE_BYTES = 2 * 1024 * 1024


class BatchStatusServicer(BatchStatusServiceServicer):
    """Maps requests to storage calls; requests are validated by the interceptor."""

    def __init__(self, database: Database, reading: Database, feed: Feed) -> None:
        self._database = database
        self._reading = reading
        self._feed = feed

    async def GetBatch(self, request: pb.GetBatchRequest, context: ServicerContext[Any, Any]) -> pb.GetBatchResponse:
        limit = 0 if request.view == batch_pb2.BATCH_VIEW_BASIC else _FULL_VIEW_ITEMS
        batch, found = await self._database.run(
            _batch_with_items,
            owner_of(context),
            UUID(request.batch_id),
            mapping.optional_uuid(request.task_id),
            limit=limit,
        )
        return pb.GetBatchResponse(batch=mapping.batch_message(batch, found))

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListWebhookDeliveriesResponse:
        found = await self._database.run(_deliveries, owner_of(context), UUID(request.batch_id))
        return pb.ListWebhookDeliveriesResponse(deliveries=map(mapping.webhook_delivery_message, found))

    async def ListBatches(
        self, request: pb.ListBatchesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListBatchesResponse:
        size = paging.page_size(request.page_size, 50)
        found = await self._database.run(
            batches.list_page,
            owner_of(context),
            mapping.batch_filter(request.filter),
            limit=size + 1,
            before=paging.time_and_id(request),
        )
        page = found[:size]
        token = paging.encode(request, page[-1].created_at.isoformat(), page[-1].batch_id) if found[size:] else ""
        return pb.ListBatchesResponse(batches=map(mapping.batch_message, page), next_page_token=token)

    async def ListBatchItems(
        self, request: pb.ListBatchItemsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListBatchItemsResponse:
        size = paging.page_size(request.page_size, 100)
        batch, found = await self._database.run(
            _batch_with_items,
            owner_of(context),
            UUID(request.batch_id),
            mapping.optional_uuid(request.task_id),
            limit=size + 1,
            after=paging.position(request),
            statuses=mapping.item_statuses(request.statuses),
        )
        page = found[:size]
        return pb.ListBatchItemsResponse(
            items=map(mapping.item_message, page),
            next_page_token=paging.encode(request, page[-1].position) if found[size:] else "",
            last_sequence=batch.last_sequence,
        )

    async def ListBatchResults(
        self, request: pb.ListBatchResultsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListBatchResultsResponse:
        size = paging.page_size(request.page_size, 50, _MAX_RESULTS)
        found = await self._database.run(
            _results,
            owner_of(context),
            UUID(request.batch_id),
            mapping.optional_uuid(request.task_id),
            limit=size + 1,
            after=paging.position(request),
            statuses=mapping.item_statuses(request.statuses),
        )
        page = _within_bytes([mapping.result_message(*result) for result in found[:size]])
        more = len(page) < len(found)
        return pb.ListBatchResultsResponse(
            results=page, next_page_token=paging.encode(request, page[-1].item.position) if more else ""
        )

    async def WatchBatch(  # type: ignore[override]  # grpc.aio also takes a coroutine that writes
        self, request: pb.WatchBatchRequest, context: ServicerContext[Any, Any]
    ) -> None:
        options = WatchOptions(
            owner=owner_of(context),
            batch_id=UUID(request.batch_id),
            task_id=mapping.optional_uuid(request.task_id),
            after_sequence=request.after_sequence if request.HasField("after_sequence") else None,
            exclude_item_events=request.exclude_item_events,
        )
        with closing(self._outgoing(request, context)) as outgoing:
            await Watch(options, self._reading, self._feed, outgoing).run()

    async def WatchBatches(  # type: ignore[override]  # grpc.aio also takes a coroutine that writes
        self, request: pb.WatchBatchesRequest, context: ServicerContext[Any, Any]
    ) -> None:
        options = WatchBatchesOptions(
            owner=owner_of(context),
            matching=mapping.batch_filter(request.filter),
            resume_token=request.resume_token,
            exclude_item_events=request.exclude_item_events,
        )
        with closing(self._outgoing(request, context)) as outgoing:
            await WatchBatches(options, self._reading, self._feed, outgoing).run()

    def _outgoing(
        self, request: pb.WatchBatchRequest | pb.WatchBatchesRequest, context: ServicerContext[Any, Any]
    ) -> Outgoing:
        return Outgoing(context.write, self._feed.writes, _heartbeat_seconds(request))


def _deliveries(conn: Connection, owner: str, batch_id: UUID) -> list[webhooks.Delivery]:
    batches.get(conn, owner, batch_id)
    return webhooks.list_of(conn, owner, batch_id)


def _batch_with_items(
    conn: Connection,
    owner: str,
    batch_id: UUID,
    task_id: UUID | None,
    *,
    limit: int,
    after: int = -1,
    statuses: Sequence[ItemStatus] = (),
) -> tuple[Batch, list[Item]]:
    """Return a batch and a page of its items as of one moment."""
    if not limit:
        return batches.get(conn, owner, batch_id, task_id), []
    batches.freeze(conn)
    current = batches.get(conn, owner, batch_id)
    batch = batches.get(conn, owner, batch_id, task_id)
    found = items.list_page(
        conn, batch, current=batch.task_id == current.task_id, after=after, limit=limit, statuses=statuses
    )
    return batch, found


def _results(
    conn: Connection,
    owner: str,
    batch_id: UUID,
    task_id: UUID | None,
    *,
    limit: int,
    after: int,
    statuses: Sequence[ItemStatus],
) -> list[tuple[Item, Report, StoredAnalysis | None]]:
    """Return a page of items with their reports and analyses as of one moment."""
    _, page = _batch_with_items(conn, owner, batch_id, task_id, limit=limit, after=after, statuses=statuses)
    found = reports.find(conn, [item.report_id for item in page])
    analysed = analyses.find(conn, [item.analysis_id for item in page if item.analysis_id])
    return [(item, found[item.report_id], analysed[item.analysis_id] if item.analysis_id else None) for item in page]


def _within_bytes(results: Sequence[pb.BatchResult]) -> list[pb.BatchResult]:
    """Return the first results that fit into a page, at least one: clients take messages of 4 MiB."""
    page: list[pb.BatchResult] = []
    size = 0
    for result in results:
        size += result.ByteSize()
        if page and size > _MAX_PAGE_BYTES:
            break
        page.append(result)
    return page


def _heartbeat_seconds(request: pb.WatchBatchRequest | pb.WatchBatchesRequest) -> float:
    if not request.HasField("heartbeat_interval"):
        return DEFAULT_HEARTBEAT_SECONDS
    return request.heartbeat_interval.ToTimedelta().total_seconds()
