"""The JSON bodies, form fields and query parameters of the report routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from fna.reports.v1 import report_pb2, report_service_pb2
from reports_gateway.schemas.report import REPORT_STATUS, REPORT_TYPE
from reports_gateway.schemas.wire import Int32, OptionalUuid, QueryModel, RequestModel, Uuid

ReportTypeName = Annotated[str, AfterValidator(REPORT_TYPE.checked), REPORT_TYPE.request_schema()]
ReportStatusName = Annotated[str, AfterValidator(REPORT_STATUS.checked), REPORT_STATUS.request_schema()]


class NewReport(RequestModel):
    """What a client says of a report, whichever way its content comes."""

    company_id: Uuid
    report_type: ReportTypeName
    title: str = ""
    fiscal_period: str = ""
    """`Q1 2024` to `Q4 2024`, or `FY 2024`."""
    filing_date: Annotated[str, Field(json_schema_extra={"format": "date"})] = ""
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

    source_uri: str
    """A URI under one of the storage roots that the operator configured."""
    content_type: str = ""
    """A hint only; the server looks at the content."""
    file_name: str = ""

    def message(self, request_id: str | None) -> report_service_pb2.RegisterReportRequest:
        report = self.report()
        report.source_uri, report.content_type, report.file_name = self.source_uri, self.content_type, self.file_name
        return report_service_pb2.RegisterReportRequest(report=report, request_id=request_id or "")


class UploadForm(NewReport):
    """The text fields of an upload; the content is the file field `file`."""


class ListReportsQuery(QueryModel):
    """Which reports to list."""

    page_size: Int32 = 0
    """50 when not given, at most 1,000."""
    page_token: str = ""
    """`next_page_token` of the previous page."""
    company_id: OptionalUuid = ""
    status: list[ReportStatusName] = []
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
