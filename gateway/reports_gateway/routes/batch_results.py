"""The route of a batch's results, for people and their spreadsheets."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from reports_gateway import exports
from reports_gateway.documented import Responses, errors
from reports_gateway.methods import StreamedResponse
from reports_gateway.request_query import openapi_query, read_query
from reports_gateway.routes.segment import BATCH, BatchId
from reports_gateway.schemas.result import BatchResults, BatchResultsQuery
from reports_gateway.upstream import Upstream

router = APIRouter(tags=["batches"])

_RESPONSES: Responses = {
    HTTPStatus.OK: {
        "model": BatchResults,
        "description": "The results of all items as they are now. A stream that breaks off is not complete.",
        "content": {
            "application/jsonl": {"schema": {"type": "string", "description": "A `BatchResult` a line."}},
            "text/csv": {"schema": {"type": "string", "description": "A table with a header."}},
        },
    },
    **errors("BATCH_NOT_FOUND", "TASK_NOT_FOUND"),
}


@router.get(
    f"{BATCH}/results", status_code=HTTPStatus.OK, openapi_extra=openapi_query(BatchResultsQuery), responses=_RESPONSES
)
async def list_batch_results(
    batch_id: BatchId, upstream: Upstream, query: Annotated[BatchResultsQuery, Depends(read_query(BatchResultsQuery))]
) -> Response:
    """Return the results of a batch with their reports and analyses, also while it still runs."""
    pages = exports.Pages(upstream, query.message(batch_id))
    # The first page before the answer begins, so that what is wrong with the request is a real status.
    first = await pages.fetch()
    headers = {"Cache-Control": "no-store"}
    if query.format == "csv":
        headers["Content-Disposition"] = f'attachment; filename="batch-{batch_id}.csv"'
    return StreamedResponse(
        exports.FORMS[query.format](pages.after(first)),
        media_type=exports.MEDIA_TYPES[query.format],
        headers=headers,
    )
