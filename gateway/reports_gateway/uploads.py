"""Multipart uploads of reports as UploadReport streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from fna.reports.v1 import report_pb2
from fna.reports.v1.report_service_pb2 import UploadReportRequest, UploadReportResponse
from reports_gateway.problems import field_errors, invalid, invalid_field, too_large
from reports_gateway.request_body import bounded
from reports_gateway.schemas.report_requests import UploadForm
from reports_gateway.upstream import Services

CHUNK_BYTES = 128 * 1024

MAX_CONTENT_BYTES = 52_428_800
"""The largest content that the contract allows."""

MAX_UPLOAD_BYTES = MAX_CONTENT_BYTES + 1024 * 1024
"""The content, and 1 MiB for the other fields and the boundaries."""

DEADLINE_SECONDS = 120.0
"""Longest time of the call. The client's own speed is not in it: the file has arrived when the call starts."""


async def upload(request: Request, services: Services) -> UploadReportResponse:
    """Send the file of a multipart request to the service, from the temporary file that it was spooled to."""
    received = await bounded(request, MAX_UPLOAD_BYTES)
    async with received.form(max_files=1, max_fields=10) as form:
        report, file = _report(form), _file(form)
        report.file_name, report.content_type = file.filename or "", file.content_type or ""
        return await services.reports.UploadReport(_messages(report, file), timeout=DEADLINE_SECONDS)


def _report(form: FormData) -> report_pb2.Report:
    fields: dict[str, object] = {}
    for name, value in form.multi_items():
        if name in fields:
            raise invalid_field(name, "is given twice")
        fields[name] = value
    fields.pop("file", None)
    try:
        return UploadForm.model_validate(fields).report()
    except ValidationError as error:
        raise invalid(field_errors(error.errors(include_url=False, include_input=False))) from None


def _file(form: FormData) -> UploadFile:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise invalid_field("file", "must be a file; with curl: -F file=@report.html")
    if (file.size or 0) > MAX_CONTENT_BYTES:
        raise too_large(MAX_CONTENT_BYTES)
    return file


async def _messages(report: report_pb2.Report, file: UploadFile) -> AsyncIterator[UploadReportRequest]:
    header = UploadReportRequest.Header(report=report, content_size_bytes=file.size or 0)
    yield UploadReportRequest(header=header)
    while chunk := await file.read(CHUNK_BYTES):
        yield UploadReportRequest(chunk=chunk)


def form_schema() -> dict[str, Any]:
    """Return the JSON schema of the form."""
    schema = UploadForm.model_json_schema()
    schema["properties"]["file"] = {"type": "string", "format": "binary"}
    schema["required"].append("file")
    return schema
