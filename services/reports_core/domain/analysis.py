"""What the analysis of one report says: scores, themes, risk indicators, sections, tagged facts, a model's review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REPORT_TYPES = ("10_K", "10_Q", "8_K", "ANNUAL", "OTHER")
"""Kinds of filings."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score and how far it can be trusted, both from 0 to 1. A confidence below 0.7 is low."""

    value: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the narrative and its own tone."""

    type: str
    """`MD_A`, `CEO_LETTER`, `RISK_FACTORS` or `OTHER`."""
    heading: str
    """The heading as it stands in the document."""
    word_count: int
    optimism: Score
    risk: Score
    uncertainty: Score


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the narrative and its share of it, from 0 to 1."""

    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class RiskIndicator:
    """A passage that indicates risk; its severity is from 0 (none) to 1 (critical)."""

    label: str
    severity: float
    excerpt: str
    """The passage, at most 2,000 characters."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One tagged fact; days are `YYYY-MM-DD`."""

    concept: str
    """For example `us-gaap:Revenues`."""
    value: float
    """In the unit, scaled as the tag says."""
    unit: str
    """For example `USD` or `shares`."""
    period_start: str
    """First day of the period; empty for an instant."""
    period_end: str
    """Last day of the period, or the instant."""


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """What a language model says, with its evidence."""

    statement: str
    """At most 500 characters."""
    quote: str
    """The passage as it stands in the section, at most 2,000 characters."""
    section_type: str
    section_heading: str


@dataclass(frozen=True, slots=True)
class ModelReview:
    """A language model's review of the narrative; only its quotes are checked."""

    model: str
    summary: str
    """A few sentences, at most 2,000 characters."""
    findings: tuple[ModelFinding, ...]
    """Those of the most important sections first, at most 50."""
    prompt_tokens: int
    completion_tokens: int
    """Tokens read and written; an answer that was kept counts as it did when it was given."""


@dataclass(frozen=True, slots=True)
class ReportAnalysis:
    """The narrative analysis of one report by one model version."""

    model_version: str
    content_type: str
    """Media type of the content, found from the content itself."""
    word_count: int
    """Words of the analysed narrative, tables excluded."""
    optimism: Score
    """0 pessimistic, 0.5 neutral, 1 optimistic."""
    risk: Score
    """How much the narrative dwells on risk."""
    uncertainty: Score
    """How hedged the narrative is."""
    key_themes: tuple[Theme, ...]
    """Most prominent first, at most 50."""
    risk_indicators: tuple[RiskIndicator, ...]
    """Most severe first, at most 50."""
    sections: tuple[Section, ...]
    """In document order."""
    financial_metrics: tuple[Metric, ...]
    """Most important first."""
    warnings: tuple[str, ...]
    """What the reader should know about the quality of this analysis."""
    model_review: ModelReview | None = None
    """None when no model is configured, or when it gave no usable answer."""


def from_document(document: Mapping[str, Any]) -> ReportAnalysis:
    """Return the analysis that `dataclasses.asdict` made a document of, which may have been JSON since."""
    return ReportAnalysis(
        **{
            **document,
            "optimism": Score(**document["optimism"]),
            "risk": Score(**document["risk"]),
            "uncertainty": Score(**document["uncertainty"]),
            "key_themes": tuple(Theme(**theme) for theme in document["key_themes"]),
            "risk_indicators": tuple(RiskIndicator(**indicator) for indicator in document["risk_indicators"]),
            "sections": tuple(_section(section) for section in document["sections"]),
            "financial_metrics": tuple(Metric(**metric) for metric in document["financial_metrics"]),
            "warnings": tuple(document["warnings"]),
            "model_review": _review(document.get("model_review")),
        }
    )


def _section(section: Mapping[str, Any]) -> Section:
    scores = {name: Score(**section[name]) for name in ("optimism", "risk", "uncertainty")}
    return Section(**{**section, **scores})


def _review(review: Mapping[str, Any] | None) -> ModelReview | None:
    # Documents of the releases before have none.
    if review is None:
        return None
    return ModelReview(**{**review, "findings": tuple(ModelFinding(**finding) for finding in review["findings"])})
