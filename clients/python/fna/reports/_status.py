"""Reads a `google.rpc.Status` into an exception of `fna.reports.errors`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status

from fna.reports.errors import ERRORS_BY_CODE, ReportsError

_TRAILER = "grpc-status-details-bin"
_CODES_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}

_Detail = TypeVar("_Detail", bound=Message)


def error_of(failure: grpc.RpcError) -> ReportsError:
    """Return the exception for a failed call, with the details that its trailers carry."""
    error = _error(failure.code(), failure.details() or "", _status_in_trailers(failure))
    error.__cause__ = failure
    return error


def error_of_status(status: Status) -> ReportsError:
    """Return the exception for a status that came inside a message, as the `error` of an item does."""
    return _error(_CODES_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN), status.message, status)


def _error(code: grpc.StatusCode, message: str, status: Status) -> ReportsError:
    info = _detail(status, ErrorInfo)
    retry = _detail(status, RetryInfo)
    return ERRORS_BY_CODE.get(code, ReportsError)(
        message or code.name,
        code=code,
        reason=info.reason,
        metadata=info.metadata,
        field_violations=_detail(status, BadRequest).field_violations,
        quota_violations=_detail(status, QuotaFailure).violations,
        retry_delay=_duration(retry),
    )


def _status_in_trailers(failure: grpc.RpcError) -> Status:
    # The stubs say otherwise, but the trailers of both kinds of call iterate as pairs.
    trailers = cast("Iterable[tuple[str, str | bytes]]", failure.trailing_metadata() or ())
    for key, value in trailers:
        if key == _TRAILER and isinstance(value, bytes):
            try:
                return Status.FromString(value)
            except DecodeError:
                break  # A proxy's idea of details: the code and the message are still good.
    return Status()


def _detail(status: Status, kind: type[_Detail]) -> _Detail:
    """Return the status's detail of this kind, or an empty one."""
    detail = kind()
    for packed in status.details:
        try:
            if packed.Unpack(detail):
                break
        except DecodeError:
            return kind()  # As for the trailers.
    return detail


def _duration(retry: RetryInfo) -> timedelta | None:
    return retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None
