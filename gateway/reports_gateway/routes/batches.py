"""Routes of batches: submission, control and reading."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from reports_gateway import entity_tags
from reports_gateway.documented import LOCATION, OF_BATCH, errors
from reports_gateway.entity_tags import NOT_MODIFIED, IfMatch, IfNoneMatch
from reports_gateway.idempotency import IdempotencyKey, request_id
from reports_gateway.multipart import is_form
from reports_gateway.request_body import FORM, JSON, json_body, openapi_body
from reports_gateway.request_query import openapi_query, read_query
from reports_gateway.routes.segment import BATCH, BatchId
from reports_gateway.schemas.batch import Batch, BatchItemPage, BatchPage, SubmittedBatch
from reports_gateway.schemas.batch_requests import (
    CancelBatchBody,
    GetBatchQuery,
    ListBatchesQuery,
    ListBatchItemsQuery,
    RetryBatchBody,
    SubmitBatchBody,
)
from reports_gateway.uploads import batch_schema, upload_batch
from reports_gateway.upstream import Upstream

router = APIRouter(tags=["batches"])

_submission = json_body(SubmitBatchBody)


@router.post(
    "/v1/reports/batch",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=openapi_body({JSON: SubmitBatchBody.model_json_schema(), FORM: batch_schema()}),
    responses={
        HTTPStatus.OK: {"model": SubmittedBatch, "description": "Valid, as far as `validate_only` checks."},
        HTTPStatus.ACCEPTED: {"headers": LOCATION, "links": OF_BATCH},
        **errors(
            "CROSS_SITE_REFUSED",
            "REPORT_NOT_FOUND",
            "WEBHOOK_SECRET_MISSING",
            "BATCH_LIMIT_EXCEEDED",
            "CONTENT_TOO_LARGE",
            "REQUEST_ID_REUSED",
            "REQUEST_STALLED",
            "DOCUMENT_STORE_UNAVAILABLE",
        ),
    },
)
async def submit_batch(
    request: Request,
    response: Response,
    upstream: Upstream,
    key: IdempotencyKey = None,
) -> SubmittedBatch:
    """Submit reports for analysis; answers at once.

    By JSON reports that are known. By multipart/form-data the files themselves, each as `files`: `company_id`,
    `report_type` and the other fields of a report come before the file that they describe, and hold for the files after
    it until they are given again. Nothing is submitted when a file is refused.
    """
    body = await upload_batch(request, upstream) if is_form(request) else await _submission(request)
    message = body.message(request_id(key, body.request_id))
    answer = await upstream.unary(upstream.services.submission.SubmitBatch, message)
    if body.validate_only:
        response.status_code = HTTPStatus.OK
    else:
        response.headers["Location"] = f"/v1/reports/batch/{answer.batch.batch_id}"
    return SubmittedBatch.of_submission(answer)


@router.get("/v1/reports/batch", openapi_extra=openapi_query(ListBatchesQuery), responses=errors("PAGE_TOKEN_INVALID"))
async def list_batches(
    upstream: Upstream, query: Annotated[ListBatchesQuery, Depends(read_query(ListBatchesQuery))]
) -> BatchPage:
    """List batches, newest first."""
    return BatchPage.of(await upstream.unary(upstream.services.status.ListBatches, query.message()))


@router.get(
    BATCH,
    response_model=Batch,
    openapi_extra=openapi_query(GetBatchQuery),
    responses=NOT_MODIFIED | errors("BATCH_NOT_FOUND", "TASK_NOT_FOUND"),
)
async def get_batch(
    request: Request,
    batch_id: BatchId,
    upstream: Upstream,
    query: Annotated[GetBatchQuery, Depends(read_query(GetBatchQuery))],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return one batch and its first 1,000 items."""
    answer = await upstream.unary(upstream.services.status.GetBatch, query.message(batch_id))
    return entity_tags.answer(
        Batch.of(answer.batch), answer.batch.etag, if_none_match, request.headers.get("accept-encoding")
    )


@router.get(
    f"{BATCH}/items",
    openapi_extra=openapi_query(ListBatchItemsQuery),
    responses=errors("BATCH_NOT_FOUND", "TASK_NOT_FOUND", "PAGE_TOKEN_INVALID"),
)
async def list_batch_items(
    batch_id: BatchId,
    upstream: Upstream,
    query: Annotated[ListBatchItemsQuery, Depends(read_query(ListBatchItemsQuery))],
) -> BatchItemPage:
    """List the items of a batch in the order of submission."""
    answer = await upstream.unary(upstream.services.status.ListBatchItems, query.message(batch_id))
    return BatchItemPage.of(answer)


@router.post(
    f"{BATCH}:cancel",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=openapi_body({JSON: CancelBatchBody.model_json_schema()}, required=False),
    responses={
        HTTPStatus.ACCEPTED: {"headers": LOCATION, "links": OF_BATCH},
        **errors("CROSS_SITE_REFUSED", "BATCH_NOT_FOUND", "BATCH_ALREADY_FINAL", "ETAG_MISMATCH", "CONTENT_TOO_LARGE"),
    },
)
async def cancel_batch(
    response: Response,
    batch_id: BatchId,
    upstream: Upstream,
    body: Annotated[CancelBatchBody, Depends(json_body(CancelBatchBody))],
    if_match: IfMatch = None,
) -> Batch:
    """Request cancellation; watch or poll the batch until its status is final."""
    message = body.message(batch_id, entity_tags.expected(if_match, body.etag))
    answer = await upstream.unary(upstream.services.submission.CancelBatch, message)
    response.headers["Location"] = f"/v1/reports/batch/{answer.batch.batch_id}"
    return Batch.of(answer.batch)


@router.post(
    f"{BATCH}:retry",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=openapi_body({JSON: RetryBatchBody.model_json_schema()}, required=False),
    responses={
        HTTPStatus.ACCEPTED: {"headers": LOCATION, "links": OF_BATCH},
        **errors(
            "CROSS_SITE_REFUSED",
            "BATCH_NOT_FOUND",
            "BATCH_NOT_FINAL",
            "NOTHING_TO_RETRY",
            "REPORT_NOT_IN_BATCH",
            "ETAG_MISMATCH",
            "CONTENT_TOO_LARGE",
            "REQUEST_ID_REUSED",
        ),
    },
)
async def retry_batch(
    response: Response,
    batch_id: BatchId,
    upstream: Upstream,
    body: Annotated[RetryBatchBody, Depends(json_body(RetryBatchBody))],
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Batch:
    """Start a new execution, with a new `task_id`, over the items that did not succeed."""
    message = body.message(batch_id, request_id(key, body.request_id), entity_tags.expected(if_match, body.etag))
    answer = await upstream.unary(upstream.services.submission.RetryBatch, message)
    response.headers["Location"] = f"/v1/reports/batch/{answer.batch.batch_id}"
    return Batch.of(answer.batch)
