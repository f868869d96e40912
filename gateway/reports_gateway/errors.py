"""gRPC statuses as problem details."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from http import HTTPStatus

import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from reports_gateway.problems import FieldError, ProblemError, problem, summary

logger = logging.getLogger(__name__)

_DOMAIN = "reports.fna"

_BY_REASON = {
    "BATCH_LIMIT_EXCEEDED": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "CONTENT_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "ETAG_MISMATCH": HTTPStatus.PRECONDITION_FAILED,
    "REQUEST_ID_REUSED": HTTPStatus.UNPROCESSABLE_ENTITY,
    "RESUME_TOKEN_EXPIRED": HTTPStatus.GONE,
    "SEQUENCE_COMPACTED": HTTPStatus.GONE,
}

_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.DATA_LOSS: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.CANCELLED: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}

# A status without an ErrorInfo was not written by a service for its callers: gRPC made it, and it may tell
# addresses or internals.
_WITHOUT_INFO = {
    grpc.StatusCode.UNAVAILABLE: "The service cannot be reached; send the request again in a moment.",
    grpc.StatusCode.CANCELLED: "The service gave up the request; send it again in a moment.",
    grpc.StatusCode.DEADLINE_EXCEEDED: "The service took too long to answer; send the request again.",
    grpc.StatusCode.UNIMPLEMENTED: "The deployed service does not offer this; it may be older than the gateway.",
}

_LISTS = {"report_ids"}
_NUMBERS = {"unknown_count", "oldest_sequence", "last_sequence", "limit"}

# Where a field of a gRPC request is found in the REST request.
_FIELD_PREFIXES = (
    ("header.report.", ""),
    ("header", "file"),
    ("chunk", "file"),
    ("footer", "file"),
    ("report.", ""),
    ("filter.statuses", "status"),
    ("filter.labels", "label"),
    ("filter.batch_ids", "batch_id"),
    ("statuses", "status"),
)


@dataclass(slots=True)
class _Details:
    """The details of one google.rpc.Status that HTTP has a place for."""

    info: error_details_pb2.ErrorInfo | None = None
    errors: list[FieldError] = field(default_factory=list)
    retry_after: int | None = None


def problem_error(error: grpc.aio.AioRpcError) -> ProblemError:
    """Translate the error of a call."""
    code = error.code()
    details = _details(error)
    info = details.info
    if info is None:
        logger.warning("A call ended with %s: %s", code.name, error.details())
    status = (_BY_REASON.get(info.reason) if info else None) or _BY_CODE.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    return ProblemError(
        problem(
            status,
            code=code.name,
            reason=info.reason if info else None,
            detail=_text(error, details) or status.phrase,
            errors=details.errors,
            metadata={key: _parsed(key, value) for key, value in info.metadata.items()} if info else None,
        ),
        _headers(code, details.retry_after),
    )


def _text(error: grpc.aio.AioRpcError, details: _Details) -> str | None:
    if details.info is None:
        return _WITHOUT_INFO.get(error.code(), "The service failed; the gateway's log says more.")
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT and details.errors:
        # The service's own text names the fields as the gRPC request has them.
        return summary(details.errors)
    return error.details()


def _headers(code: grpc.StatusCode, retry_after: int | None) -> dict[str, str]:
    if retry_after is None and code is grpc.StatusCode.UNAVAILABLE:
        retry_after = 1
    return {} if retry_after is None else {"Retry-After": str(retry_after)}


def _details(error: grpc.aio.AioRpcError) -> _Details:
    details = _Details()
    for detail in _status(error).details:
        match detail.type_url.rpartition("/")[2]:
            case "google.rpc.ErrorInfo":
                info = error_details_pb2.ErrorInfo.FromString(detail.value)
                details.info = info if info.domain == _DOMAIN else details.info
            case "google.rpc.BadRequest":
                for wrong in error_details_pb2.BadRequest.FromString(detail.value).field_violations:
                    details.errors.append(FieldError(field=_field(wrong.field), message=wrong.description))
            case "google.rpc.QuotaFailure":
                for over in error_details_pb2.QuotaFailure.FromString(detail.value).violations:
                    details.errors.append(FieldError(field=over.subject, message=over.description))
            case "google.rpc.RetryInfo":
                delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
                details.retry_after = math.ceil(delay.ToTimedelta().total_seconds())
    return details


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                logger.warning("The details of a status cannot be read")
    return status_pb2.Status()


def _field(path: str) -> str:
    for prefix, replacement in _FIELD_PREFIXES:
        if path.startswith(prefix):
            return replacement + path.removeprefix(prefix)
    return path


def _parsed(key: str, value: str) -> str | int | list[str]:
    if key in _LISTS:
        return value.split(",")
    if key in _NUMBERS and value.isdecimal():
        return int(value)
    return value
