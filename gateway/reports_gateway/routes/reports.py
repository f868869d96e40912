"""Routes of reports: registration, upload, reading and analysis."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from fna.reports.v1.report_service_pb2 import GetReportRequest, RegisterReportResponse, UploadReportResponse
from reports_gateway.idempotency import IdempotencyKey
from reports_gateway.idempotency import request_id as idempotent_request_id
from reports_gateway.request_body import JSON, json_body, openapi_body
from reports_gateway.routes.segment import REPORT
from reports_gateway.schemas.delta import NarrativeDelta
from reports_gateway.schemas.report import Report, ReportAnalysis, ReportPage
from reports_gateway.schemas.report_requests import (
    GetNarrativeDeltaQuery,
    GetReportAnalysisQuery,
    ListReportsQuery,
    RegisterReportBody,
)
from reports_gateway.uploads import form_schema, upload
from reports_gateway.upstream import DEADLINE_SECONDS, Upstream

router = APIRouter(tags=["reports"])

_registration = json_body(RegisterReportBody, query=frozenset({"request_id"}))


@router.post(
    "/v1/reports",
    status_code=HTTPStatus.CREATED,
    openapi_extra=openapi_body({JSON: RegisterReportBody.model_json_schema(), "multipart/form-data": form_schema()}),
    responses={HTTPStatus.OK: {"model": Report, "description": "This content was known before."}},
)
async def create_report(
    request: Request,
    response: Response,
    upstream: Upstream,
    request_id: str | None = None,
    key: IdempotencyKey = None,
) -> Report:
    """Register a report by JSON whose content the server can fetch, or upload the content by multipart/form-data.

    `request_id` and `Idempotency-Key` are for JSON; an upload is idempotent by its content.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        answer: UploadReportResponse | RegisterReportResponse = await upload(request, upstream)
    else:
        body = await _registration(request)
        message = body.message(idempotent_request_id(key, request_id))
        answer = await upstream.reports.RegisterReport(message, timeout=DEADLINE_SECONDS)
    if answer.already_existed:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/v1/reports/{answer.report.report_id}"
    return Report.of(answer.report)


@router.get("/v1/reports")
async def list_reports(upstream: Upstream, query: Annotated[ListReportsQuery, Query()]) -> ReportPage:
    """List reports, newest first."""
    return ReportPage.of(await upstream.reports.ListReports(query.message(), timeout=DEADLINE_SECONDS))


@router.get(REPORT)
async def get_report(report_id: str, upstream: Upstream) -> Report:
    """Return one report."""
    answer = await upstream.reports.GetReport(GetReportRequest(report_id=report_id), timeout=DEADLINE_SECONDS)
    return Report.of(answer.report)


@router.get(f"{REPORT}/analysis")
async def get_report_analysis(
    report_id: str, upstream: Upstream, query: Annotated[GetReportAnalysisQuery, Query()]
) -> ReportAnalysis:
    """Return the analysis of a report, by default the newest completed one."""
    answer = await upstream.reports.GetReportAnalysis(query.message(report_id), timeout=DEADLINE_SECONDS)
    return ReportAnalysis.of(answer.analysis)


@router.get(f"{REPORT}/delta")
async def get_narrative_delta(
    report_id: str, upstream: Upstream, query: Annotated[GetNarrativeDeltaQuery, Query()]
) -> NarrativeDelta:
    """Compare a report with an earlier one of the same company, by default the previous one."""
    answer = await upstream.reports.GetNarrativeDelta(query.message(report_id), timeout=DEADLINE_SECONDS)
    return NarrativeDelta.of(answer.delta)
