"""A service that answers as a test says, and both clients to call it with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from inspect import isasyncgen, isgenerator
from types import TracebackType
from typing import Protocol, Self, TypedDict, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from fna.reports import AsyncReportsClient, ReportsClient
from fna.reports.v1 import (
    batch_status_service_pb2,
    batch_submission_service_pb2,
    diagnostics_service_pb2,
    report_service_pb2,
)
from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_COMPLETED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_PROCESSING,
    Batch,
    BatchCounters,
    BatchEvent,
    BatchItem,
    BatchItemChanged,
    BatchItemProgress,
    BatchStatusChanged,
    Heartbeat,
)
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest, WatchBatchResponse

BATCH_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c01"
TASK_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c02"
REPORT_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c03"

SERVICES = (
    batch_submission_service_pb2.DESCRIPTOR.services_by_name["BatchSubmissionService"],
    batch_status_service_pb2.DESCRIPTOR.services_by_name["BatchStatusService"],
    report_service_pb2.DESCRIPTOR.services_by_name["ReportService"],
    diagnostics_service_pb2.DESCRIPTOR.services_by_name["DiagnosticsService"],
)

SILENCE = object()
"""A step of a stream: nothing more is sent until the client cancels the call."""

Stream = Callable[[WatchBatchRequest], Iterable[object]]


class Peer(AbstractContextManager["Peer"]):
    """Serves all methods on a port of its own while it is entered.

    `answers` has for each method what its calls get, one after the other, the last one for ever; a Status ends the call
    with that error. `streams` has the same for WatchBatch and WatchBatches: functions from the request to messages, a
    Status that ends the stream, or SILENCE. `requests` are those that came, by method; an upload's are its messages.
    `watch_ended` is set when a watch is over for whatever reason, `cancelled` when one that was silent was dropped.
    """

    def __init__(
        self,
        credentials: grpc.ServerCredentials | None = None,
        interceptors: Sequence[grpc.ServerInterceptor] = (),
    ) -> None:
        self._credentials = credentials
        self._interceptors = interceptors
        self.answers: dict[str, list[Message]] = {}
        self.streams: list[Stream] = []
        self.requests: dict[str, list[list[Message]]] = {}
        self.cancelled = threading.Event()
        self.watch_ended = threading.Event()
        self._port = 0
        self._server: grpc.Server | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve, on the same port as before if there was one."""
        self._server = grpc.server(
            ThreadPoolExecutor(8), interceptors=list(self._interceptors), options=[("grpc.so_reuseport", 0)]
        )
        self._server.add_generic_rpc_handlers(list(self._handlers()))
        if self._credentials is None:
            self._port = self._server.add_insecure_port(self.target)
        else:
            self._port = self._server.add_secure_port(self.target, self._credentials)
        self._server.start()

    def stop(self) -> None:
        """Stop serving and cut every stream."""
        if self._server is not None:
            self._server.stop(None).wait(10)
            self._server = None

    def watched_after(self) -> list[int | None]:
        """Return the `after_sequence` of every watch that came."""
        requests = [cast("WatchBatchRequest", messages[0]) for messages in self.requests["WatchBatch"]]
        return [request.after_sequence if request.HasField("after_sequence") else None for request in requests]

    def _handlers(self) -> Iterator[grpc.GenericRpcHandler]:
        for service in SERVICES:
            methods = {method.name: self._handler(method) for method in service.methods}
            yield grpc.method_handlers_generic_handler(service.full_name, methods)

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Message, Message]:
        parse = GetMessageClass(method.input_type).FromString
        write = GetMessageClass(method.output_type).SerializeToString
        if method.name in ("WatchBatch", "WatchBatches"):
            return grpc.unary_stream_rpc_method_handler(partial(self._watch, method.name), parse, write)
        if method.name == "UploadReport":
            return grpc.stream_unary_rpc_method_handler(self._upload, parse, write)
        return grpc.unary_unary_rpc_method_handler(partial(self._call, method.name), parse, write)

    def _call(self, method: str, request: Message, context: grpc.ServicerContext) -> Message:
        return self._answer(method, [request], context)

    def _upload(self, requests: Iterator[Message], context: grpc.ServicerContext) -> Message:
        return self._answer("UploadReport", list(requests), context)

    def _answer(self, method: str, requests: list[Message], context: grpc.ServicerContext) -> Message:
        self.requests.setdefault(method, []).append(requests)
        answers = self.answers[method]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Status):
            _abort(context, answer)
        return answer

    def _watch(self, method: str, request: WatchBatchRequest, context: grpc.ServicerContext) -> Iterator[Message]:
        self.requests.setdefault(method, []).append([request])
        context.add_callback(self.watch_ended.set)
        stream = self.streams.pop(0) if len(self.streams) > 1 else self.streams[0]
        for step in stream(request):
            if isinstance(step, Status):
                _abort(context, step)
            elif step is SILENCE:
                ended = threading.Event()
                if context.add_callback(ended.set):
                    ended.wait(30)
                self.cancelled.set()
                return
            else:
                yield cast("Message", step)


def _abort(context: grpc.ServicerContext, status: Status) -> None:
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    if status.details:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, status.message)


def refusal(code: grpc.StatusCode, reason: str = "", *details: Message, text: str = "no", **metadata: str) -> Status:
    """Return a status as the services write it, or without a reason as a proxy does."""
    infos = [ErrorInfo(reason=reason, domain="reports.fna", metadata=metadata)] if reason else []
    packed = []
    for detail in (*infos, *details):
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    return Status(code=code.value[0], message=text, details=packed)


def unavailable(retry_after: timedelta | None = None) -> Status:
    """Return what a server that drains says."""
    details = []
    if retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(retry_after)
        details.append(RetryInfo(retry_delay=delay))
    return refusal(grpc.StatusCode.UNAVAILABLE, "", *details, text="draining")


def batch(**fields: object) -> Batch:
    """Return a batch of two reports that is being processed."""
    found = Batch(batch_id=BATCH_ID, task_id=TASK_ID, status=BATCH_STATUS_PROCESSING, total_reports=2, last_sequence=1)
    found.MergeFrom(Batch(**fields))  # type: ignore[arg-type]  # the fields are the caller's
    return found


def message(*events: BatchEvent) -> WatchBatchResponse:
    return WatchBatchResponse(events=events)


def snapshot(sequence: int, **fields: object) -> BatchEvent:
    return BatchEvent(batch_id=BATCH_ID, sequence=sequence, snapshot=batch(last_sequence=sequence, **fields))


def heartbeat(sequence: int) -> BatchEvent:
    return BatchEvent(batch_id=BATCH_ID, sequence=sequence, heartbeat=Heartbeat())


def item_progress(sequence: int, report_id: str = REPORT_ID, step: str = "VALIDATION") -> BatchEvent:
    progress = BatchItemProgress(report_id=report_id, step=step, fraction=0.25)
    return BatchEvent(batch_id=BATCH_ID, sequence=sequence, progress=progress)


def item_changed(sequence: int, **item: object) -> BatchEvent:
    fields = {"report_id": REPORT_ID, "status": BATCH_ITEM_STATUS_COMPLETED} | item
    changed = BatchItemChanged(
        item=BatchItem(**fields),  # type: ignore[arg-type]  # the fields are the caller's
        counters=BatchCounters(total_reports=2, successful=1, running=1),
    )
    return BatchEvent(batch_id=BATCH_ID, sequence=sequence, item_changed=changed)


def finished(sequence: int, **fields: object) -> BatchEvent:
    ended = batch(**{"status": BATCH_STATUS_COMPLETED, "successful": 2, "last_sequence": sequence} | fields)
    change = BatchStatusChanged(previous_status=BATCH_STATUS_PROCESSING, batch=ended, final=True)
    return BatchEvent(batch_id=BATCH_ID, sequence=sequence, status_changed=change)


def sequences(events: Iterable[BatchEvent]) -> list[int]:
    return [event.sequence for event in events]


class Caller(Protocol):
    """Makes one call with a client of its own and returns its result, of an iterator all that it gave."""

    def __call__(self, peer: Peer, method: str, *arguments: object, **options: object) -> object: ...


class ClientOptions(TypedDict, total=False):
    """The options of a client that a test may set."""

    timeout: timedelta
    reconnect_timeout: timedelta
    credentials: grpc.ChannelCredentials
    token: str | Callable[[], str]
    api_key: str


def blocking(peer: Peer, method: str, *arguments: object, **options: object) -> object:
    """Call with the blocking client."""
    with ReportsClient(peer.target, **client_options(options)) as client:
        result = getattr(client, method)(*arguments, **options)
        return list(result) if isgenerator(result) else result


def asynchronous(peer: Peer, method: str, *arguments: object, **options: object) -> object:
    """Call with the asyncio client."""

    async def call() -> object:
        async with AsyncReportsClient(peer.target, **client_options(options)) as client:
            result = getattr(client, method)(*arguments, **options)
            return [element async for element in result] if isasyncgen(result) else await result

    return asyncio.run(call())


CALLERS: Sequence[Caller] = (blocking, asynchronous)


def watch(caller: Caller, peer: Peer, **options: object) -> list[BatchEvent]:
    """Watch the batch to the end."""
    return cast("list[BatchEvent]", caller(peer, "watch", BATCH_ID, **options))


def client_options(options: dict[str, object]) -> ClientOptions:
    """Take the options of the client itself out of those of a call."""
    taken = {name: options.pop(name) for name in ClientOptions.__annotations__ if name in options}
    return cast("ClientOptions", taken)
