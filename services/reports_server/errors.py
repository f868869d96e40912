"""Errors as gRPC statuses: one table from the domain's errors, one interceptor that applies it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc.aio import ServicerContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reports_core.domain import errors
from reports_core.storage.documents import DocumentsUnavailable

logger = logging.getLogger(__name__)

DOMAIN = "reports.fna"
_REST_SECONDS = 2.0
_VIOLATIONS_SHOWN = 20
_VIOLATION_BYTES = 3000
_FIELD_BYTES = 96
_DESCRIPTION_BYTES = 300
"""A status travels in trailers, where everything together must stay below 8 KiB. The path of a field may hold a key
that the caller chose, the description values, of any length."""

_CODES: dict[type[errors.DomainError], grpc.StatusCode] = {
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.RequestIdReused: grpc.StatusCode.ALREADY_EXISTS,
    errors.LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.NotNow: grpc.StatusCode.FAILED_PRECONDITION,
    errors.EtagMismatch: grpc.StatusCode.ABORTED,
    errors.SequenceOutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    errors.ContentMismatch: grpc.StatusCode.DATA_LOSS,
}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field; `field` is its path, such as `report_ids[3]`."""

    field: str
    description: str


class InvalidMessage(Exception):
    """A request breaks rules of the contract."""

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        super().__init__(violations)
        self.violations = violations


class Draining(Exception):
    """The server is shutting down; call another replica, or this one again in a moment."""


class StreamInterrupted(Exception):
    """The database is another one than at the beginning of the stream; call again from the last position."""


def status_of(error: Exception) -> Status:
    """Return the status for an error: AIP-193, with exactly one ErrorInfo."""
    match error:
        case InvalidMessage(violations=violations):
            return _invalid(violations)
        case errors.InvalidRequest():
            return _invalid([FieldViolation(error.field, error.description)], error.reason)
        case errors.DomainError():
            return _refused(error)
        case Draining():
            return _unavailable("the server is shutting down; call again", "SERVER_DRAINING")
        case StreamInterrupted():
            return _unavailable("the database was replaced meanwhile; call again", "DATABASE_UNAVAILABLE")
        case DocumentsUnavailable():
            logger.error("%s", error)
            return _unavailable(str(error), error.reason)
        case _ if _database_is_away(error):
            logger.warning("the database is not available: %s", error)
            return _unavailable("the database is not available; call again", "DATABASE_UNAVAILABLE")
        case _:
            logger.error("unexpected error", exc_info=error)
            return _status(
                grpc.StatusCode.INTERNAL,
                "an unexpected error happened; the server's log has the details",
                ErrorInfo(reason="INTERNAL", domain=DOMAIN),
            )


# What asyncpg raises while a database is away, starting, stopping or full.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
    PoolTimeout,
)


def _database_is_away(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError):
        return isinstance(error, _AWAY)
    # Without a statement it failed to connect, begin or commit: the database has its reasons, and may change them.
    if error.connection_invalidated or error.statement is None:
        return True
    # SQLAlchemy wraps the error of its adapter, which wraps that of the driver.
    return isinstance(error.orig, _AWAY) or isinstance(_cause(error.orig), _AWAY)


def _cause(error: BaseException | None) -> BaseException | None:
    return error.__cause__ if error else None


def _invalid(violations: Sequence[FieldViolation], reason: str = "INVALID_REQUEST") -> Status:
    shown = _shown(violations)
    first = f"{shown[0].field}: {shown[0].description}" if shown[0].field else shown[0].description
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return _status(
        grpc.StatusCode.INVALID_ARGUMENT,
        first + more,
        ErrorInfo(reason=reason, domain=DOMAIN),
        BadRequest(
            field_violations=[
                BadRequest.FieldViolation(field=violation.field, description=violation.description)
                for violation in shown
            ]
        ),
    )


def _shown(violations: Sequence[FieldViolation]) -> list[FieldViolation]:
    """Return the first violations, shortened, as far as a status has room for them."""
    shown: list[FieldViolation] = []
    room = _VIOLATION_BYTES
    for violation in violations[:_VIOLATIONS_SHOWN]:
        if room < 0:
            break
        field = _shortened(violation.field, _FIELD_BYTES)
        description = _shortened(violation.description, _DESCRIPTION_BYTES)
        room -= len(field.encode()) + len(description.encode())
        shown.append(FieldViolation(field, description))
    return shown


def _shortened(text: str, limit: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore") + "..."


def _refused(error: errors.DomainError) -> Status:
    code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
    details: list[Message] = [ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)]
    match error:
        case errors.BatchLimitExceeded():
            details.append(
                QuotaFailure(violations=[QuotaFailure.Violation(subject="report_ids", description=str(error))])
            )
        case errors.WatcherTooSlow() | errors.TooManyWatchers():
            details.append(_retry_info())
    return _status(code, str(error), *details)


def _unavailable(message: str, reason: str) -> Status:
    return _status(grpc.StatusCode.UNAVAILABLE, message, ErrorInfo(reason=reason, domain=DOMAIN), _retry_info())


def _retry_info() -> RetryInfo:
    return RetryInfo(retry_delay=Duration(seconds=1))


def _status(code: grpc.StatusCode, message: str, *details: Message) -> Status:
    status = Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


Validate = Callable[[Message], Sequence[FieldViolation]]


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Validates requests of our services before the method runs, and turns what it raises into a status."""

    def __init__(self, validate: Validate) -> None:
        self._validate = validate

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith("/fna.reports."):
            return handler
        # Every method of ours is a coroutine that returns its response or writes to the stream.
        match handler.request_streaming, handler.response_streaming:
            case False, False:
                make, behaviour = grpc.unary_unary_rpc_method_handler, handler.unary_unary
            case False, True:
                make, behaviour = grpc.unary_stream_rpc_method_handler, handler.unary_stream
            case True, False:
                make, behaviour = grpc.stream_unary_rpc_method_handler, handler.stream_unary
            case _:
                raise AssertionError(f"{handler_call_details.method}: no such kind of method in the contract")
        return make(
            self._guarded(behaviour, streaming=handler.request_streaming),
            request_deserializer=handler.request_deserializer,
            # Streams write what they have serialised already, once for all who get it.
            response_serializer=None if handler.response_streaming else handler.response_serializer,
        )

    def _guarded(
        self, behaviour: Any, *, streaming: bool
    ) -> Callable[[Any, ServicerContext[Any, Any]], Awaitable[Any]]:
        async def method(request: Any, context: ServicerContext[Any, Any]) -> Any:
            try:
                checked = self._checked_stream(request) if streaming else self._checked(request)
                return await behaviour(checked, context)
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - the one place where any error becomes a status
                status = status_of(error)
                if streaming:
                    await _take_rest(request)
                await abort(context, status)

        return method

    def _checked(self, request: Message) -> Message:
        violations = self._validate(request)
        if violations:
            raise InvalidMessage(violations)
        return request

    async def _checked_stream(self, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        async for request in requests:
            yield self._checked(request)


async def _take_rest(requests: AsyncIterator[Message]) -> None:
    """Take what a client still sends, for a while.

    When a call ends while it writes, grpc.aio reports an error of its own instead of the status.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REST_SECONDS):
            async for _ in requests:
                pass


async def abort(context: ServicerContext[Any, Any], status: Status) -> None:
    """End a call with a rich status."""
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, status.message, trailers)
