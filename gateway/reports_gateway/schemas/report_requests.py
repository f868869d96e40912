"""The JSON bodies, form fields and query parameters of the report routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from fna.reports.v1 import report_pb2, report_service_pb2
from reports_gateway.schemas.report import REPORT_STATUS, REPORT_TYPE
from reports_gateway.schemas.wire import OptionalUuid, PageSize, PageToken, QueryModel, RequestModel, Uuid, demanded

ReportTypeName = Annotated[str, AfterValidator(REPORT_TYPE.checked), REPORT_TYPE.request_schema()]
ReportStatusName = Annotated[str, AfterValidator(REPORT_STATUS.checked), REPORT_STATUS.request_schema()]


class NewReport(RequestModel):
    """What a client says of a report, whichever way its content comes."""

    company_id: Uuid
    report_type: ReportTypeName
    title: Annotated[str, demanded(maxLength=512)] = ""
    fiscal_period: Annotated[str, demanded(maxLength=32)] = ""
    """`Q1 2024` to `Q4 2024`, or `FY 2024`."""
    filing_date: Annotated[str, demanded(anyOf=[{"format": "date"}, {"const": ""}])] = ""
    """`YYYY-MM-DD`."""

    def report(self) -> report_pb2.Report:
        return report_pb2.Report(
            company_id=self.company_id,
            report_type=REPORT_TYPE.value(self.report_type),
            title=self.title,
            fiscal_period=self.fiscal_period,
            filing_date=self.filing_date,
        )


class RegisterReportBody(NewReport):
    """A report whose content the server can fetch by itself."""

    source_uri: Annotated[str, demanded(format="uri", minLength=1, maxLength=2048)]
    """A URI under one of the storage roots that the operator configured."""
    content_type: Annotated[str, demanded(maxLength=255)] = ""
    """A hint only; the server looks at the content."""
    file_name: Annotated[str, demanded(maxLength=255)] = ""

    def message(self, request_id: str | None) -> report_service_pb2.RegisterReportRequest:
        report = self.report()
        report.source_uri, report.content_type, report.file_name = self.source_uri, self.content_type, self.file_name
        return report_service_pb2.RegisterReportRequest(report=report, request_id=request_id or "")


class UploadForm(NewReport):
    """The text fields of an upload; the content is the file field `file`."""


class ListReportsQuery(QueryModel):
    """Which reports to list."""

    page_size: PageSize = 0
    """50 when not given, at most 1,000."""
    page_token: PageToken = ""
    """`next_page_token` of the previous page."""
    company_id: OptionalUuid = ""
    status: Annotated[list[ReportStatusName], demanded(uniqueItems=True)] = []
    """One of these; give the parameter several times."""

    def message(self) -> report_service_pb2.ListReportsRequest:
        return report_service_pb2.ListReportsRequest(
            page_size=self.page_size,
            page_token=self.page_token,
            company_id=self.company_id,
            statuses=[REPORT_STATUS.value(name) for name in self.status],
        )


class GetNarrativeDeltaQuery(QueryModel):
    """Which report to compare with."""

    base_report_id: OptionalUuid = ""
    """The previous report of the same company and type when not given."""

    def message(self, report_id: str) -> report_service_pb2.GetNarrativeDeltaRequest:
        return report_service_pb2.GetNarrativeDeltaRequest(report_id=report_id, base_report_id=self.base_report_id)


class GetReportAnalysisQuery(QueryModel):
    """Which analysis of a report to return."""

    analysis_id: OptionalUuid = ""
    """The newest completed one when not given."""

    def message(self, report_id: str) -> report_service_pb2.GetReportAnalysisRequest:
        return report_service_pb2.GetReportAnalysisRequest(report_id=report_id, analysis_id=self.analysis_id)
