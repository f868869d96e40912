"""Files of multipart requests as UploadReport streams: every piece is passed on as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import grpc.aio
from fastapi import Request
from pydantic import BaseModel, ValidationError

from fna.reports.v1 import report_pb2
from fna.reports.v1.report_service_pb2 import UploadReportRequest, UploadReportResponse
from reports_gateway.errors import problem_error
from reports_gateway.multipart import FormReader, Part
from reports_gateway.problems import (
    FieldError,
    Problem,
    ProblemError,
    invalid_field,
    of_validation,
    summary,
    too_large,
)
from reports_gateway.request_body import bounded, refuse_query
from reports_gateway.schemas.batch_requests import SubmitBatchBody, SubmitBatchForm
from reports_gateway.schemas.report_requests import UploadForm
from reports_gateway.upstream import Calls

CHUNK_BYTES = 128 * 1024

MAX_CONTENT_BYTES = 52_428_800
"""The largest content that the contract allows."""

MAX_FORM_BYTES = 1024 * 1024 * 1024
"""The largest form. Nothing of it is kept here; a limit keeps a mistake from occupying a connection for ever."""

MAX_FILES = 1000

DEADLINE_SECONDS = 900.0
"""Longest time of one file, which is as long as its sender takes: 50 MiB at half a megabit a second."""

_ONE, _SEVERAL = "file", "files"

M = TypeVar("M", bound=BaseModel)

_Call = grpc.aio.StreamUnaryCall[UploadReportRequest, UploadReportResponse]


class _ContentTooLarge(ProblemError):
    """A file is longer than the service takes."""

    def __init__(self) -> None:
        super().__init__(too_large(MAX_CONTENT_BYTES).problem)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several files: the service's answer, or why there is none."""

    file_name: str
    answer: UploadReportResponse | None = None
    error: ProblemError | None = None


@dataclass(slots=True)
class _Described:
    """What text fields say of the files after them; a field holds until it is given again."""

    fields: dict[str, str] = field(default_factory=dict)
    since_file: set[str] = field(default_factory=set)

    def add(self, name: str, value: str) -> None:
        if name in self.since_file:
            raise invalid_field(name, "is given twice before the same file")
        self.since_file.add(name)
        self.fields[name] = value

    def report(self, part: Part) -> report_pb2.Report:
        self.since_file.clear()
        report = _valid(UploadForm, self.fields).report()
        report.file_name, report.content_type = part.file_name or "", part.content_type
        return report

    def end(self) -> None:
        """Refuse a field that came too late for any file."""
        for name in self.since_file:
            raise invalid_field(name, "comes after the last file; send it before the file that it describes")


async def upload(request: Request, upstream: Calls) -> UploadReportResponse | list[Outcome]:
    """Upload the file `file`, or each of the files `files`.

    A single file is registered when the whole form was in order; of several each by itself, as it ends.
    """
    described, outcomes = _Described(), list[Outcome]()
    single: _Call | None = None
    size = 0
    refuse_query(request, frozenset({"request_id"}), "the form")
    async with _form(request, upstream) as form, AsyncExitStack() as stack:
        async for part in form.parts():
            if part.file_name is None:
                described.add(part.name, await _text(part, form))
            elif part.name == _SEVERAL and single is None:
                outcomes.append(await _one_of(outcomes, described, part, form, upstream))
            elif part.name == _ONE and single is None and not outcomes:
                report = described.report(part)
                single = stack.enter_context(_call(upstream))
                size = await _send(single, report, form)
            else:
                raise _misplaced(part)
        if single is None and not outcomes:
            raise invalid_field(_ONE, "must be a file; with curl: -F file=@report.html")
        described.end()
        if single is None:
            return outcomes
        await _finish(single, size)
        return await upstream.for_client(single, single.cancel)


async def upload_batch(request: Request, upstream: Calls) -> SubmitBatchBody:
    """Upload the files `files` and return the submission of their reports.

    Raises a problem that names each file that was refused. The others are registered all the same: the whole form
    sent again finds them.
    """
    described, outcomes = _Described(), list[Outcome]()
    fields: dict[str, Any] = {}
    refuse_query(request, frozenset(), "the form")
    async with _form(request, upstream) as form:
        async for part in form.parts():
            if part.file_name is None and part.name in SubmitBatchForm.model_fields:
                SubmitBatchForm.add(fields, part.name, await _text(part, form))
            elif part.file_name is None:
                described.add(part.name, await _text(part, form))
            elif part.name == _SEVERAL:
                outcomes.append(await _one_of(outcomes, described, part, form, upstream))
            else:
                raise invalid_field(part.name, f"is no file field of a batch; send each file as {_SEVERAL}")
        if not outcomes:
            raise invalid_field(_SEVERAL, "must be files; with curl: -F files=@a.html -F files=@b.html")
        described.end()
    submission = _valid(SubmitBatchForm, fields)
    _refuse_failed(outcomes)
    return submission.body(_report_ids(outcome.answer for outcome in outcomes if outcome.answer))


@asynccontextmanager
async def _form(request: Request, upstream: Calls) -> AsyncIterator[FormReader]:
    """Yield the form; after a problem its rest is read, since a client that still sends would lose the answer."""
    form = FormReader(await bounded(request, MAX_FORM_BYTES))
    try:
        yield form
    except grpc.aio.AioRpcError as error:
        upstream.count(error)
        raise await _after_rest(form, problem_error(error)) from None
    except ProblemError as error:
        raise await _after_rest(form, error) from None


async def _after_rest(form: FormReader, error: ProblemError) -> ProblemError:
    if not await form.skip(MAX_CONTENT_BYTES):
        error.headers["Connection"] = "close"
    return error


async def _text(part: Part, form: FormReader) -> str:
    if part.name in {_ONE, _SEVERAL}:
        raise invalid_field(part.name, f"must be a file; with curl: -F {part.name}=@report.html")
    return await form.text(part)


async def _one_of(
    before: list[Outcome], described: _Described, part: Part, form: FormReader, upstream: Calls
) -> Outcome:
    """Upload one of several files."""
    if len(before) == MAX_FILES:
        raise invalid_field(_SEVERAL, f"are more than {MAX_FILES}; send the rest in another request")
    name = part.file_name or ""
    try:
        report = described.report(part)
    except ProblemError as error:
        return Outcome(name, error=error)
    with _call(upstream) as call:
        try:
            await _finish(call, await _send(call, report, form))
            return Outcome(name, answer=await call)
        except grpc.aio.AioRpcError as error:
            upstream.count(error)
            return Outcome(name, error=problem_error(error))
        except _ContentTooLarge as error:
            return Outcome(name, error=error)


@contextmanager
def _call(upstream: Calls) -> Iterator[_Call]:
    """Open a stream; one that was not finished is cancelled, so that no part of a file becomes a report."""
    call: _Call = upstream.services.reports.UploadReport(timeout=DEADLINE_SECONDS)
    try:
        yield call
    finally:
        call.cancel()


async def _send(call: _Call, report: report_pb2.Report, form: FormReader) -> int:
    """Send a file and return its size; `_finish` ends it."""
    await _write(call, UploadReportRequest(header=UploadReportRequest.Header(report=report, footer_follows=True)))
    size, waiting = 0, bytearray()
    async for piece in form.content():
        size += len(piece)
        if size > MAX_CONTENT_BYTES:
            raise _ContentTooLarge
        waiting += piece
        while len(waiting) >= CHUNK_BYTES:
            await _write(call, UploadReportRequest(chunk=bytes(waiting[:CHUNK_BYTES])))
            del waiting[:CHUNK_BYTES]
    if waiting:
        await _write(call, UploadReportRequest(chunk=bytes(waiting)))
    return size


async def _finish(call: _Call, size: int) -> None:
    """Say that the file is complete: the service takes no other one."""
    await _write(call, UploadReportRequest(footer=UploadReportRequest.Footer(content_size_bytes=size)))
    await call.done_writing()


async def _write(call: _Call, message: UploadReportRequest) -> None:
    try:
        await call.write(message)
    except asyncio.InvalidStateError:  # The call has ended: its own error says why.
        await call


def _valid(model: type[M], fields: Mapping[str, object]) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise of_validation(error) from None


def _misplaced(part: Part) -> ProblemError:
    if part.name in {_ONE, _SEVERAL}:
        return invalid_field(part.name, f"is given after another file; send several files as {_SEVERAL}, and no {_ONE}")
    return invalid_field(part.name, f"is no file field; send one file as {_ONE}, or each of several as {_SEVERAL}")


def _refuse_failed(outcomes: list[Outcome]) -> None:
    """Raise one problem for all files that have one: the status of the first, unless the service failed for one."""
    failed = [(index, outcome.error) for index, outcome in enumerate(outcomes) if outcome.error is not None]
    if not failed:
        return
    _, first = max(failed, key=lambda found: found[1].problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR)
    errors = [error for index, failure in failed for error in _of_file(index, failure.problem)]
    detail = f"{len(failed)} of {len(outcomes)} files were refused and nothing was submitted: {summary(errors)}"
    raise ProblemError(first.problem.model_copy(update={"detail": detail, "errors": errors}), first.headers)


def _of_file(index: int, problem: Problem) -> list[FieldError]:
    file = f"{_SEVERAL}[{index}]"
    if problem.errors is None:
        return [FieldError(field=file, message=problem.detail)]
    return [FieldError(field=f"{file}.{error.field}", message=error.message) for error in problem.errors]


def _report_ids(answers: Iterable[UploadReportResponse]) -> list[str]:
    """Return the ids in the order of the files; raise a problem for the same content twice."""
    first: dict[str, int] = {}
    for index, answer in enumerate(answers):
        earlier = first.setdefault(answer.report.report_id, index)
        if earlier != index:
            raise invalid_field(f"{_SEVERAL}[{index}]", f"has the same content as {_SEVERAL}[{earlier}]; send it once")
    return list(first)


def upload_schema() -> dict[str, Any]:
    """Return the JSON schema of a form with one file or several."""
    schema = UploadForm.model_json_schema()
    schema["properties"] |= {
        _ONE: _BINARY | {"description": "One file; the answer is its report. Fields come before it."},
        _SEVERAL: _files("Several files; the answer has an outcome for each."),
    }
    return schema


def batch_schema() -> dict[str, Any]:
    """Return the JSON schema of a form whose files become a batch."""
    schema, batch = UploadForm.model_json_schema(), SubmitBatchForm.model_json_schema()
    schema["properties"] |= batch["properties"] | {_SEVERAL: _files("The files of the batch.")}
    schema["required"].append(_SEVERAL)
    return schema


_BINARY = {"type": "string", "format": "binary"}


def _files(description: str) -> dict[str, Any]:
    more = "Fields describe the files after them, until they are given again."
    return {"type": "array", "items": _BINARY, "maxItems": MAX_FILES, "description": f"{description} {more}"}
