"""The JSON of reports and their analyses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fna.reports.v1 import report_pb2, report_service_pb2
from reports_gateway.problems import Problem
from reports_gateway.schemas.wire import BareEnum, ResponseModel, duration_text, time

REPORT_TYPE = BareEnum(report_pb2.ReportType)
REPORT_STATUS = BareEnum(report_pb2.ReportStatus)
SECTION_TYPE = BareEnum(report_pb2.SectionType)

ReportType = Annotated[str | None, REPORT_TYPE.response_schema()]
ReportStatus = Annotated[str | None, REPORT_STATUS.response_schema()]
SectionType = Annotated[str | None, SECTION_TYPE.response_schema()]


class Report(ResponseModel):
    """A financial report known to the platform."""

    report_id: str
    company_id: str
    report_type: ReportType
    title: str | None
    source_uri: str | None
    content_type: str | None
    """Media type, found from the content itself."""
    content_size_bytes: int
    content_sha256: str | None
    status: ReportStatus
    """Status of the most recent analysis."""
    latest_analysis_id: str | None
    created_at: datetime | None
    updated_at: datetime | None
    fiscal_period: str | None
    filing_date: str | None
    file_name: str | None

    @classmethod
    def of(cls, message: report_pb2.Report) -> Self:
        return cls(
            report_id=message.report_id,
            company_id=message.company_id,
            report_type=REPORT_TYPE.name(message.report_type),
            title=message.title or None,
            source_uri=message.source_uri or None,
            content_type=message.content_type or None,
            content_size_bytes=message.content_size_bytes,
            content_sha256=message.content_sha256 or None,
            status=REPORT_STATUS.name(message.status),
            latest_analysis_id=message.latest_analysis_id or None,
            created_at=time(message, "created_at"),
            updated_at=time(message, "updated_at"),
            fiscal_period=message.fiscal_period or None,
            filing_date=message.filing_date or None,
            file_name=message.file_name or None,
        )


class UploadOutcome(ResponseModel):
    """What became of one of several files."""

    file_name: str
    report: Report | None
    """Null for a file that was refused."""
    already_existed: bool
    """The company had a report with this content before."""
    problem: Problem | None
    """Why the file was refused."""


class Uploads(ResponseModel):
    """What became of each file, in the order of the form."""

    uploads: list[UploadOutcome]


class ReportPage(ResponseModel):
    """Reports, newest first."""

    reports: list[Report]
    next_page_token: str | None

    @classmethod
    def of(cls, message: report_service_pb2.ListReportsResponse) -> Self:
        return cls(
            reports=[Report.of(report) for report in message.reports],
            next_page_token=message.next_page_token or None,
        )


class Score(ResponseModel):
    """A score from 0 to 1 and how far it can be trusted; a confidence below 0.7 is low."""

    value: float
    confidence: float


class NarrativeTheme(ResponseModel):
    """One theme and its share of the narrative."""

    label: str
    weight: float


class RiskIndicator(ResponseModel):
    """One passage that indicates risk; severity from 0 to 1."""

    label: str
    severity: float
    excerpt: str


class NarrativeSection(ResponseModel):
    """One section of the narrative and its own scores."""

    type: SectionType
    heading: str | None
    word_count: int
    optimism: Score | None
    risk: Score | None
    uncertainty: Score | None

    @classmethod
    def of(cls, message: report_pb2.NarrativeSection) -> Self:
        return cls(
            type=SECTION_TYPE.name(message.type),
            heading=message.heading or None,
            word_count=message.word_count,
            optimism=_score(message, "optimism"),
            risk=_score(message, "risk"),
            uncertainty=_score(message, "uncertainty"),
        )


class FinancialMetric(ResponseModel):
    """One tagged fact; `period_start` is null for an instant."""

    concept: str
    value: float
    unit: str | None
    period_start: str | None
    period_end: str | None

    @classmethod
    def of(cls, message: report_pb2.FinancialMetric) -> Self:
        return cls(
            concept=message.concept,
            value=message.value,
            unit=message.unit or None,
            period_start=message.period_start or None,
            period_end=message.period_end or None,
        )


class ModelFinding(ResponseModel):
    """What a language model says; its quote stands in the section."""

    statement: str
    quote: str
    section_type: SectionType
    section_heading: str | None

    @classmethod
    def of(cls, message: report_pb2.ModelFinding) -> Self:
        return cls(
            statement=message.statement,
            quote=message.quote,
            section_type=SECTION_TYPE.name(message.section_type),
            section_heading=message.section_heading or None,
        )


class ModelReview(ResponseModel):
    """A language model's review of the narrative; only its quotes are checked."""

    model: str
    summary: str
    findings: list[ModelFinding]
    prompt_tokens: int
    completion_tokens: int

    @classmethod
    def of(cls, message: report_pb2.ModelReview) -> Self:
        return cls(
            model=message.model,
            summary=message.summary,
            findings=[ModelFinding.of(finding) for finding in message.findings],
            prompt_tokens=message.prompt_tokens,
            completion_tokens=message.completion_tokens,
        )


class ReportAnalysis(ResponseModel):
    """The narrative analysis of one report by one model version."""

    analysis_id: str
    report_id: str
    model_version: str
    optimism: Score | None
    risk: Score | None
    uncertainty: Score | None
    key_themes: list[NarrativeTheme]
    risk_indicators: list[RiskIndicator]
    sections: list[NarrativeSection]
    financial_metrics: list[FinancialMetric]
    warnings: list[str]
    processing_time: str | None
    """A duration such as `3.2s`."""
    completed_at: datetime | None
    model_review: ModelReview | None
    """Null unless the operator named a model and it gave a usable answer."""

    @classmethod
    def of(cls, message: report_pb2.ReportAnalysis) -> Self:
        return cls(
            analysis_id=message.analysis_id,
            report_id=message.report_id,
            model_version=message.model_version,
            optimism=_score(message, "optimism"),
            risk=_score(message, "risk"),
            uncertainty=_score(message, "uncertainty"),
            key_themes=[NarrativeTheme(label=theme.label, weight=theme.weight) for theme in message.key_themes],
            risk_indicators=[
                RiskIndicator(label=risk.label, severity=risk.severity, excerpt=risk.excerpt)
                for risk in message.risk_indicators
            ],
            sections=[NarrativeSection.of(section) for section in message.sections],
            financial_metrics=[FinancialMetric.of(metric) for metric in message.financial_metrics],
            warnings=list(message.warnings),
            processing_time=duration_text(message, "processing_time"),
            completed_at=time(message, "completed_at"),
            model_review=ModelReview.of(message.model_review) if message.HasField("model_review") else None,
        )


def _score(message: report_pb2.ReportAnalysis | report_pb2.NarrativeSection, field: str) -> Score | None:
    if not message.HasField(field):  # type: ignore[arg-type]  # the stub wants a literal
        return None
    score: report_pb2.Score = getattr(message, field)
    return Score(value=score.value, confidence=score.confidence)
