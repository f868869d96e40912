"""The route of a batch's events, as server-sent events."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BeforeValidator

from reports_gateway.routes.segment import BATCH
from reports_gateway.schemas.batch_requests import WatchBatchQuery
from reports_gateway.schemas.event import BatchEvent
from reports_gateway.schemas.wire import Int64, duration
from reports_gateway.upstream import Upstream
from reports_gateway.watches import Watches, WatchResponse

router = APIRouter(tags=["batches"])

LastEventId = Annotated[
    # An EventSource that saw no event yet sends none or an empty one.
    Int64 | None,
    BeforeValidator(lambda text: text or None),
    Header(alias="Last-Event-ID", description="Continue after this event; sent by EventSource when it reconnects."),
]

_RESPONSES: dict[int | str, dict[str, object]] = {
    HTTPStatus.OK: {
        "model": BatchEvent,
        "description": (
            "`id` is the event's sequence (progress has none), `event` its kind: snapshot, status_changed, "
            "item_changed, items_changed or progress. The stream ends after the final event of the execution."
        ),
    },
    HTTPStatus.NO_CONTENT: {
        "description": "Nothing follows: the execution's final event was received before. EventSource stops here."
    },
}


def watches(request: Request) -> Watches:
    """Return the open watches of the application."""
    found: Watches = request.app.state.watches
    return found


@router.get(f"{BATCH}:watch", status_code=HTTPStatus.OK, response_class=WatchResponse, responses=_RESPONSES)
@router.get(f"{BATCH}/events", status_code=HTTPStatus.OK, response_class=WatchResponse, responses=_RESPONSES)
async def watch_batch(
    batch_id: str,
    upstream: Upstream,
    open_watches: Annotated[Watches, Depends(watches)],
    query: Annotated[WatchBatchQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Stream the events of one batch."""
    call = upstream.status.WatchBatch(
        query.message(batch_id, last_event_id),
        # An EventSource takes any error status as final. One that reconnects while the service restarts waits here.
        wait_for_ready=last_event_id is not None,
    )
    heartbeat = duration(query.heartbeat_interval).ToTimedelta()
    watch = open_watches.open(call, heartbeat.total_seconds())
    try:
        begins = await watch.begins()
    except BaseException:
        open_watches.close(watch)
        raise
    if not begins:
        open_watches.close(watch)
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return WatchResponse(watch, open_watches)
