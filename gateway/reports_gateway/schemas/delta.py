"""The JSON of narrative deltas."""

from __future__ import annotations

from typing import Annotated, Self

from fna.reports.v1 import report_service_pb2
from reports_gateway.schemas.report import SECTION_TYPE, SectionType
from reports_gateway.schemas.wire import BareEnum, ResponseModel

SIGNIFICANCE = BareEnum(report_service_pb2.NarrativeSignificance)

Significance = Annotated[str | None, SIGNIFICANCE.response_schema()]


class ScoreChanges(ResponseModel):
    """Changes of scores, each from -1 to 1."""

    optimism: float
    risk: float
    uncertainty: float
    overall: float
    """How much the narrative moved for the better."""

    @classmethod
    def of(cls, message: report_service_pb2.ScoreChanges) -> Self:
        return cls(
            optimism=message.optimism, risk=message.risk, uncertainty=message.uncertainty, overall=message.overall
        )


class SectionDelta(ResponseModel):
    """How one kind of section changed."""

    type: SectionType
    changes: ScoreChanges


class MetricDelta(ResponseModel):
    """What both reports state of one concept."""

    concept: str
    unit: str | None
    value: float
    base_value: float
    relative_change: float | None
    """By the size of the earlier value; null where that is 0."""
    period_start: str | None
    period_end: str | None
    base_period_start: str | None
    base_period_end: str | None

    @classmethod
    def of(cls, message: report_service_pb2.MetricDelta) -> Self:
        return cls(
            concept=message.concept,
            unit=message.unit or None,
            value=message.value,
            base_value=message.base_value,
            relative_change=message.relative_change if message.HasField("relative_change") else None,
            period_start=message.period_start or None,
            period_end=message.period_end or None,
            base_period_start=message.base_period_start or None,
            base_period_end=message.base_period_end or None,
        )


class NarrativeDelta(ResponseModel):
    """How the narrative of a report differs from that of an earlier one of the same company."""

    report_id: str
    base_report_id: str
    analysis_id: str
    base_analysis_id: str
    base_fiscal_period: str | None
    changes: ScoreChanges
    themes_added: list[str]
    themes_removed: list[str]
    significance_score: float
    """From 0 to 1."""
    significance: Significance
    sections: list[SectionDelta]
    metrics: list[MetricDelta]
    warnings: list[str]

    @classmethod
    def of(cls, message: report_service_pb2.NarrativeDelta) -> Self:
        return cls(
            report_id=message.report_id,
            base_report_id=message.base_report_id,
            analysis_id=message.analysis_id,
            base_analysis_id=message.base_analysis_id,
            base_fiscal_period=message.base_fiscal_period or None,
            changes=ScoreChanges.of(message.changes),
            themes_added=list(message.themes_added),
            themes_removed=list(message.themes_removed),
            significance_score=message.significance_score,
            significance=SIGNIFICANCE.name(message.significance),
            sections=[
                SectionDelta(type=SECTION_TYPE.name(section.type), changes=ScoreChanges.of(section.changes))
                for section in message.sections
            ],
            metrics=[MetricDelta.of(metric) for metric in message.metrics],
            warnings=list(message.warnings),
        )
