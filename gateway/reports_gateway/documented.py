"""The errors of the routes, as the OpenAPI document tells them."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import Any

from reports_gateway.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

REASONS: dict[str, tuple[HTTPStatus, str]] = {
    "INVALID_REQUEST": (HTTPStatus.BAD_REQUEST, "a field is wrong; `errors` names each, and what to do"),
    "PAGE_TOKEN_INVALID": (HTTPStatus.BAD_REQUEST, "the token is none of this listing; start without one"),
    "RESUME_TOKEN_INVALID": (HTTPStatus.BAD_REQUEST, "the token is none of this filter; start without one"),
    "REPORT_NOT_IN_BATCH": (HTTPStatus.BAD_REQUEST, "a report to retry did not fail in this batch"),
    "SEQUENCE_AHEAD": (HTTPStatus.BAD_REQUEST, "`after_sequence` is above the newest event"),
    "CONTENT_MISMATCH": (HTTPStatus.BAD_REQUEST, "the content is not as announced; send it again"),
    "CROSS_SITE_REFUSED": (HTTPStatus.FORBIDDEN, "a page of another site sent this"),
    "BATCH_NOT_FOUND": (HTTPStatus.NOT_FOUND, "no batch has this id"),
    "TASK_NOT_FOUND": (HTTPStatus.NOT_FOUND, "the batch has no execution with this `task_id`"),
    "REPORT_NOT_FOUND": (HTTPStatus.NOT_FOUND, "no report has this id; `metadata.report_ids` names the first 100"),
    "ANALYSIS_NOT_FOUND": (HTTPStatus.NOT_FOUND, "the report was never analysed, or the id is wrong"),
    "PREVIOUS_REPORT_NOT_FOUND": (HTTPStatus.NOT_FOUND, "the company has no earlier report of this type"),
    "REQUEST_STALLED": (HTTPStatus.REQUEST_TIMEOUT, "nothing more came of the body"),
    "ANALYSIS_NOT_READY": (HTTPStatus.CONFLICT, "the first analysis is still running"),
    "BATCH_ALREADY_FINAL": (HTTPStatus.CONFLICT, "every report had finished"),
    "BATCH_NOT_FINAL": (HTTPStatus.CONFLICT, "the batch still runs; wait or cancel it first"),
    "NOTHING_TO_RETRY": (HTTPStatus.CONFLICT, "no report failed or was cancelled"),
    "RESUME_TOKEN_EXPIRED": (HTTPStatus.GONE, "events after the token are no longer kept; start without one"),
    "SEQUENCE_COMPACTED": (HTTPStatus.GONE, "events after this sequence are no longer kept; start without one"),
    "WEBHOOK_SECRET_MISSING": (HTTPStatus.CONFLICT, "make a secret first: `POST /v1/webhook:rotateSecret`"),
    "WEBHOOK_DELIVERY_NOT_FOUND": (HTTPStatus.NOT_FOUND, "the batch has no delivery with this id"),
    "ETAG_MISMATCH": (HTTPStatus.PRECONDITION_FAILED, "the batch changed since it was read"),
    "BATCH_LIMIT_EXCEEDED": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the operator allows fewer reports in a batch"),
    "CONTENT_TOO_LARGE": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "what was sent is larger than it may be"),
    "REQUEST_ID_REUSED": (HTTPStatus.UNPROCESSABLE_ENTITY, "the key was used for another request; choose a new one"),
    "TOO_MANY_WATCHERS": (HTTPStatus.TOO_MANY_REQUESTS, "close watches that are not needed, or try again in a moment"),
    "NOT_READY": (HTTPStatus.SERVICE_UNAVAILABLE, "a service does not serve; `metadata` names it"),
    "DATABASE_UNAVAILABLE": (HTTPStatus.SERVICE_UNAVAILABLE, "send the request again in a moment"),
    "DOCUMENT_STORE_UNAVAILABLE": (HTTPStatus.SERVICE_UNAVAILABLE, "send the request again in a moment"),
    "SERVER_DRAINING": (HTTPStatus.SERVICE_UNAVAILABLE, "send the request again in a moment"),
}
"""When each reason is answered, and with which status."""

LOCATION = {"Location": {"description": "Where to read it.", "schema": {"type": "string", "format": "uri-reference"}}}
"""The header of an answer that made something, or that is not over yet."""

OF_BATCH = {
    operation: {"operationId": operation, "parameters": {"batch_id": "$response.body#/batch_id"}}
    for operation in (
        "GetBatch",
        "ListBatchItems",
        "ListBatchResults",
        "WatchBatch",
        "WatchBatchEvents",
        "CancelBatch",
        "RetryBatch",
    )
}
"""What can be done with the batch of an answer, as links of the OpenAPI document."""

OF_REPORT = {
    operation: {"operationId": operation, "parameters": {"report_id": "$response.body#/report_id"}}
    for operation in ("GetReport", "GetReportAnalysis", "GetNarrativeDelta")
} | {"SubmitBatch": {"operationId": "SubmitBatch", "requestBody": {"report_ids": ["$response.body#/report_id"]}}}
"""What can be done with the report of an answer."""

_OF_EVERY_CALL = ("INVALID_REQUEST", "DATABASE_UNAVAILABLE", "SERVER_DRAINING")

_WITHOUT_REASON = {
    HTTPStatus.INTERNAL_SERVER_ERROR: "A defect of the gateway or of the service behind it; their logs have the rest.",
    HTTPStatus.GATEWAY_TIMEOUT: "The service took too long to answer; send the request again.",
}

_WITH_RETRY_AFTER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def errors(*reasons: str) -> Responses:
    """Return the error responses of a route that calls a service and may be refused for these reasons."""
    return only_errors(*_OF_EVERY_CALL, *reasons) | {
        status: _response(status, text) for status, text in _WITHOUT_REASON.items()
    }


def only_errors(*reasons: str) -> Responses:
    """Return the error responses with these reasons and no other."""
    lines = defaultdict[HTTPStatus, list[str]](list)
    for reason in reasons:
        status, meaning = REASONS[reason]
        lines[status].append(f"- `{reason}`: {meaning}")
    return {status: _response(status, "\n".join(lines[status])) for status in sorted(lines)}


def _response(status: HTTPStatus, description: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _WITH_RETRY_AFTER:
        response["headers"] = _RETRY_AFTER
    return response
