"""The routes of batches' events: as server-sent events, or one answer after a wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, BeforeValidator, WithJsonSchema

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_status_service_pb2 import WatchBatchesResponse, WatchBatchRequest, WatchBatchResponse
from reports_gateway import long_poll, sse
from reports_gateway.documented import Responses, errors
from reports_gateway.request_body import JSON
from reports_gateway.request_query import openapi_query, read_query
from reports_gateway.routes.segment import BATCH, BatchId
from reports_gateway.schemas.batch_requests import WatchBatchesQuery, WatchBatchQuery, WatchQuery
from reports_gateway.schemas.event import BatchesEventPage, BatchEvent, EventPage, events_of
from reports_gateway.schemas.wire import Int64
from reports_gateway.sse import WatchResponse
from reports_gateway.upstream import Upstream
from reports_gateway.watches import M, Watch, Watches

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall

router = APIRouter(tags=["batches"])

_LAST_EVENT_ID = Header(
    alias="Last-Event-ID", description="Continue after this event; sent by EventSource when it reconnects."
)
# An EventSource that saw no event yet sends none or an empty one.
LastSequence = Annotated[
    Int64 | None,
    BeforeValidator(lambda text: text or None),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 2**63 - 1}, {"const": ""}]}),
    _LAST_EVENT_ID,
]
LastToken = Annotated[str, _LAST_EVENT_ID]


def _responses(page: type[BaseModel], description: str) -> Responses:
    schema = page.model_json_schema(ref_template="#/components/schemas/{model}")
    # What it refers to is described with BatchEvent.
    content = {JSON: {"schema": {key: value for key, value in schema.items() if key != "$defs"}}}
    return {HTTPStatus.OK: {"model": BatchEvent, "description": description, "content": content}}


_OF_BATCH: Responses = _responses(
    EventPage,
    "`id` is the event's sequence (progress has none), `event` its kind: snapshot, status_changed, item_changed, "
    "items_changed or progress. The stream ends after the final event of the execution. With `wait`, one page in JSON.",
) | {
    HTTPStatus.NO_CONTENT: {
        "description": "Nothing follows: the execution's final event was received before. EventSource stops here."
    },
    **errors("BATCH_NOT_FOUND", "TASK_NOT_FOUND", "SEQUENCE_AHEAD", "SEQUENCE_COMPACTED", "TOO_MANY_WATCHERS"),
}
_OF_BATCHES = _responses(
    BatchesEventPage,
    "`id` is the token that continues after the event, on the last one of those that came together; `event` is its "
    "kind. The stream has no end. With `wait`, one page in JSON.",
) | errors("RESUME_TOKEN_INVALID", "RESUME_TOKEN_EXPIRED", "TOO_MANY_WATCHERS")


async def watches(request: Request) -> Watches:
    """Return the open watches of the application."""
    found: Watches = request.app.state.watches
    return found


OpenWatches = Annotated[Watches, Depends(watches)]


@router.get(
    "/v1/reports/batch:watch",
    status_code=HTTPStatus.OK,
    response_class=WatchResponse,
    openapi_extra=openapi_query(WatchBatchesQuery),
    responses=_OF_BATCHES,
)
async def watch_batches(
    upstream: Upstream,
    open_watches: OpenWatches,
    query: Annotated[WatchBatchesQuery, Depends(read_query(WatchBatchesQuery))],
    last_event_id: LastToken = "",
) -> Response:
    """Stream the events of all batches that match, those submitted later included."""
    message = query.message(last_event_id)

    async def answer(watch: Watch[WatchBatchesResponse]) -> Response:
        if query.wait_seconds is None:
            await watch.begins()
            return WatchResponse(watch, sse.of_batches, open_watches)
        polled = await upstream.for_client(long_poll.next_message(watch, _events, query.wait_seconds), watch.close)
        found = polled.message or WatchBatchesResponse(resume_token=message.resume_token)
        return _page(BatchesEventPage(events=events_of(found.events), resume_token=found.resume_token or None))

    call = upstream.services.status.WatchBatches(message, wait_for_ready=last_event_id != "")
    return await _answered(answer, open_watches, call, query)


@router.get(
    f"{BATCH}:watch",
    status_code=HTTPStatus.OK,
    response_class=WatchResponse,
    openapi_extra=openapi_query(WatchBatchQuery),
    responses=_OF_BATCH,
)
@router.get(
    f"{BATCH}/events",
    status_code=HTTPStatus.OK,
    response_class=WatchResponse,
    openapi_extra=openapi_query(WatchBatchQuery),
    responses=_OF_BATCH,
    name="watch_batch_events",
)
async def watch_batch(
    batch_id: BatchId,
    upstream: Upstream,
    open_watches: OpenWatches,
    query: Annotated[WatchBatchQuery, Depends(read_query(WatchBatchQuery))],
    last_event_id: LastSequence = None,
) -> Response:
    """Stream the events of one batch."""
    message = query.message(batch_id, last_event_id)

    async def answer(watch: Watch[WatchBatchResponse]) -> Response:
        if query.wait_seconds is not None:
            polled = await upstream.for_client(long_poll.next_message(watch, _events, query.wait_seconds), watch.close)
            return _page(_batch_page(polled, message))
        if await watch.begins():
            return WatchResponse(watch, sse.of_batch, open_watches)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    # An EventSource takes any error status as final. One that reconnects while the service restarts waits here.
    call = upstream.services.status.WatchBatch(message, wait_for_ready=last_event_id is not None)
    return await _answered(answer, open_watches, call, query)


async def _answered(
    answer: Callable[[Watch[M]], Awaitable[Response]],
    open_watches: Watches,
    call: UnaryStreamCall[Any, M],
    query: WatchQuery,
) -> Response:
    """Return the answer; it closes the watch by itself when it is a stream."""
    watch = open_watches.open(call, query.heartbeat_seconds)
    try:
        response = await answer(watch)
    except BaseException:
        open_watches.close(watch)
        raise
    if not isinstance(response, WatchResponse):
        open_watches.close(watch)
    return response


def _batch_page(polled: long_poll.Polled[WatchBatchResponse], request: WatchBatchRequest) -> EventPage:
    found = polled.message.events if polled.message else []
    asked = request.after_sequence if request.HasField("after_sequence") else None
    return EventPage(
        events=events_of(found),
        last_sequence=found[-1].sequence if found else asked,
        final=polled.ended or any(event.status_changed.final for event in found),
    )


def _events(message: WatchBatchResponse | WatchBatchesResponse) -> Sequence[batch_pb2.BatchEvent]:
    return message.events


def _page(page: BaseModel) -> Response:
    return Response(page.model_dump_json(exclude_unset=True), media_type=JSON, headers={"Cache-Control": "no-store"})
