"""Routes of reports: registration, upload, reading and analysis."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from fna.reports.v1.report_service_pb2 import GetReportRequest, RegisterReportResponse, UploadReportResponse
from reports_gateway.documented import LOCATION, OF_REPORT, errors
from reports_gateway.idempotency import IdempotencyKey
from reports_gateway.idempotency import request_id as idempotent_request_id
from reports_gateway.multipart import is_form
from reports_gateway.problems import identified
from reports_gateway.request_body import FORM, JSON, json_body, openapi_body
from reports_gateway.request_query import openapi_query, read_query
from reports_gateway.routes.segment import REPORT, ReportId
from reports_gateway.schemas.delta import NarrativeDelta
from reports_gateway.schemas.report import Report, ReportAnalysis, ReportPage, UploadOutcome, Uploads
from reports_gateway.schemas.report_requests import (
    GetNarrativeDeltaQuery,
    GetReportAnalysisQuery,
    ListReportsQuery,
    RegisterReportBody,
)
from reports_gateway.uploads import Outcome, upload, upload_schema
from reports_gateway.upstream import Upstream

router = APIRouter(tags=["reports"])

_registration = json_body(RegisterReportBody, query=frozenset({"request_id"}))


@router.post(
    "/v1/reports",
    status_code=HTTPStatus.CREATED,
    openapi_extra=openapi_body({JSON: RegisterReportBody.model_json_schema(), FORM: upload_schema()}),
    responses={
        HTTPStatus.OK: {"model": Report, "description": "This content was known before."},
        HTTPStatus.CREATED: {"headers": LOCATION, "links": OF_REPORT},
        HTTPStatus.MULTI_STATUS: {"model": Uploads, "description": "Some of several files were refused."},
        **errors(
            "CROSS_SITE_REFUSED",
            "CONTENT_MISMATCH",
            "CONTENT_TOO_LARGE",
            "REQUEST_ID_REUSED",
            "REQUEST_STALLED",
            "DOCUMENT_STORE_UNAVAILABLE",
        ),
    },
)
async def create_report(
    request: Request,
    response: Response,
    upstream: Upstream,
    request_id: str | None = None,
    key: IdempotencyKey = None,
) -> Report | Uploads:
    """Register a report by JSON whose content the server can fetch, or upload the content by multipart/form-data.

    A form has one file as `file`, and is answered with its report, or several as `files`, and is answered with the
    outcome of each: 201 when all were taken, 207 when some were not. `company_id`, `report_type` and the other fields
    come before the file that they describe, and hold for the files after it until they are given again.

    `request_id` and `Idempotency-Key` are for JSON; an upload is idempotent by its content.
    """
    if is_form(request):
        uploaded = await upload(request, upstream)
        if isinstance(uploaded, list):
            return _several(uploaded, request, response)
        answer: UploadReportResponse | RegisterReportResponse = uploaded
    else:
        body = await _registration(request)
        message = body.message(idempotent_request_id(key, request_id))
        answer = await upstream.unary(upstream.services.reports.RegisterReport, message)
    if answer.already_existed:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/v1/reports/{answer.report.report_id}"
    return Report.of(answer.report)


def _several(outcomes: list[Outcome], request: Request, response: Response) -> Uploads:
    if any(outcome.error for outcome in outcomes):
        response.status_code = HTTPStatus.MULTI_STATUS
    return Uploads(
        uploads=[
            UploadOutcome(
                file_name=outcome.file_name,
                report=Report.of(outcome.answer.report) if outcome.answer else None,
                already_existed=bool(outcome.answer and outcome.answer.already_existed),
                problem=identified(outcome.error.problem, request.url.path) if outcome.error else None,
            )
            for outcome in outcomes
        ]
    )


@router.get("/v1/reports", openapi_extra=openapi_query(ListReportsQuery), responses=errors("PAGE_TOKEN_INVALID"))
async def list_reports(
    upstream: Upstream, query: Annotated[ListReportsQuery, Depends(read_query(ListReportsQuery))]
) -> ReportPage:
    """List reports, newest first."""
    return ReportPage.of(await upstream.unary(upstream.services.reports.ListReports, query.message()))


@router.get(REPORT, responses=errors("REPORT_NOT_FOUND"))
async def get_report(report_id: ReportId, upstream: Upstream) -> Report:
    """Return one report."""
    answer = await upstream.unary(upstream.services.reports.GetReport, GetReportRequest(report_id=report_id))
    return Report.of(answer.report)


@router.get(
    f"{REPORT}/analysis",
    openapi_extra=openapi_query(GetReportAnalysisQuery),
    responses=errors("REPORT_NOT_FOUND", "ANALYSIS_NOT_FOUND", "ANALYSIS_NOT_READY"),
)
async def get_report_analysis(
    report_id: ReportId,
    upstream: Upstream,
    query: Annotated[GetReportAnalysisQuery, Depends(read_query(GetReportAnalysisQuery))],
) -> ReportAnalysis:
    """Return the analysis of a report, by default the newest completed one."""
    answer = await upstream.unary(upstream.services.reports.GetReportAnalysis, query.message(report_id))
    return ReportAnalysis.of(answer.analysis)


@router.get(
    f"{REPORT}/delta",
    openapi_extra=openapi_query(GetNarrativeDeltaQuery),
    responses=errors("REPORT_NOT_FOUND", "ANALYSIS_NOT_FOUND", "PREVIOUS_REPORT_NOT_FOUND", "ANALYSIS_NOT_READY"),
)
async def get_narrative_delta(
    report_id: ReportId,
    upstream: Upstream,
    query: Annotated[GetNarrativeDeltaQuery, Depends(read_query(GetNarrativeDeltaQuery))],
) -> NarrativeDelta:
    """Compare a report with an earlier one of the same company, by default the previous one."""
    answer = await upstream.unary(upstream.services.reports.GetNarrativeDelta, query.message(report_id))
    return NarrativeDelta.of(answer.delta)
