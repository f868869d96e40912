"""How the narrative of a report differs from that of an earlier report of the same company."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from reports_core.domain.analysis import Metric, ReportAnalysis, Score, Section, Theme

_MAIN_THEMES = 10
_MANY_THEME_CHANGES = 10
_LOW_CONFIDENCE = 0.7
_DIGITS = 4
_TOLD_BY_FEW = ("MD_A", "RISK_FACTORS")  # by a quarterly report only where something is new
_LENGTHS_DIFFER = 20  # days: a quarter may have 13 or 14 weeks


class Significance(StrEnum):
    """How much the narrative changed."""

    MINOR = "MINOR"
    MODERATE = "MODERATE"
    MAJOR = "MAJOR"
    CRITICAL = "CRITICAL"


_LEAST = ((0.8, Significance.CRITICAL), (0.5, Significance.MAJOR), (0.2, Significance.MODERATE))


@dataclass(frozen=True, slots=True)
class ScoreChanges:
    """Differences of scores, the later less the earlier one, each from -1 to 1."""

    optimism: float
    risk: float
    uncertainty: float

    @property
    def overall(self) -> float:
        """How much the narrative moved for the better, from -1 to 1: more optimism, less risk, less uncertainty."""
        return round((self.optimism - self.risk - self.uncertainty) / 3, _DIGITS)


@dataclass(frozen=True, slots=True)
class SectionDelta:
    """How one kind of section changed that both reports have."""

    type: str
    changes: ScoreChanges


@dataclass(frozen=True, slots=True)
class MetricDelta:
    """What both reports state of one concept in one unit, each for its newest period of about the same length."""

    later: Metric
    base: Metric

    @property
    def relative_change(self) -> float | None:
        """The change by the size of the earlier value, such as 0.05 for 5 % more; None where that is 0."""
        return (self.later.value - self.base.value) / abs(self.base.value) if self.base.value else None


@dataclass(frozen=True, slots=True)
class NarrativeDelta:
    """The difference of two analyses."""

    changes: ScoreChanges
    themes_added: tuple[str, ...]
    """Main themes that the earlier report did not have at all."""
    themes_removed: tuple[str, ...]
    """Main themes of the earlier report that are gone."""
    sections: tuple[SectionDelta, ...]
    metrics: tuple[MetricDelta, ...]
    warnings: tuple[str, ...]
    """Why the difference says less than it seems to."""

    @property
    def significance_score(self) -> float:
        """From 0 to 1: twice the size of the overall change and once that of the change of themes."""
        themes = min((len(self.themes_added) + len(self.themes_removed)) / _MANY_THEME_CHANGES, 1)
        return round((2 * abs(self.changes.overall) + themes) / 3, _DIGITS)

    @property
    def significance(self) -> Significance:
        score = self.significance_score
        return next((significance for least, significance in _LEAST if score >= least), Significance.MINOR)


def compare(later: ReportAnalysis, base: ReportAnalysis) -> NarrativeDelta:
    """Return how `later` differs from `base`, the analysis of an earlier report."""
    return NarrativeDelta(
        changes=_changes(later, base),
        themes_added=_new_themes(later.key_themes, base.key_themes),
        themes_removed=_new_themes(base.key_themes, later.key_themes),
        sections=_sections(later.sections, base.sections),
        metrics=_metrics(later.financial_metrics, base.financial_metrics),
        warnings=tuple(_warnings(later, base)),
    )


def _changes(later: ReportAnalysis | Section, base: ReportAnalysis | Section) -> ScoreChanges:
    return ScoreChanges(
        optimism=_change(later.optimism, base.optimism),
        risk=_change(later.risk, base.risk),
        uncertainty=_change(later.uncertainty, base.uncertainty),
    )


def _change(later: Score, base: Score) -> float:
    return round(later.value - base.value, _DIGITS)


def _new_themes(themes: Sequence[Theme], known: Iterable[Theme]) -> tuple[str, ...]:
    """Return main themes that are not known; minor ones come and go with a word."""
    labels = {theme.label for theme in known}
    return tuple(theme.label for theme in themes[:_MAIN_THEMES] if theme.label not in labels)


def _sections(later: Sequence[Section], base: Sequence[Section]) -> tuple[SectionDelta, ...]:
    """Compare the longest section of each kind; what is of no kind is not compared."""
    ours, theirs = _longest(later), _longest(base)
    return tuple(SectionDelta(kind, _changes(ours[kind], theirs[kind])) for kind in ours if kind in theirs)


def _longest(sections: Sequence[Section]) -> dict[str, Section]:
    longest: dict[str, Section] = {}
    for section in sections:
        known = longest.get(section.type)
        if section.type != "OTHER" and (known is None or section.word_count > known.word_count):
            longest[section.type] = section
    return longest


def _metrics(later: Sequence[Metric], base: Sequence[Metric]) -> tuple[MetricDelta, ...]:
    ours, theirs = _newest(later), _newest(base)
    pairs = (_of_one_length(ours[key], theirs[key]) for key in ours if key in theirs)
    return tuple(MetricDelta(*pair) for pair in pairs if pair)


def _newest(metrics: Sequence[Metric]) -> dict[tuple[str, str], list[Metric]]:
    """Return the statements of each concept whose period ends last: a quarter and the year to date, for example."""
    newest: dict[tuple[str, str], list[Metric]] = {}
    for metric in metrics:
        known = newest.setdefault((metric.concept, metric.unit), [])
        if not known or metric.period_end == known[0].period_end:
            known.append(metric)
    return newest


def _of_one_length(later: Sequence[Metric], base: Sequence[Metric]) -> tuple[Metric, Metric] | None:
    """Return the first two of about the same length: nine months do not compare with six, but their quarters do."""
    pairs = ((own, other) for own in later for other in base)
    return next((pair for pair in pairs if _have_one_length(*pair)), None)


def _have_one_length(later: Metric, base: Metric) -> bool:
    if not (later.period_start and base.period_start):
        return later.period_start == base.period_start
    try:
        return abs(_days(later) - _days(base)) <= _LENGTHS_DIFFER
    except ValueError:  # A processor of another package may state what is no day.
        return False


def _days(metric: Metric) -> int:
    return (date.fromisoformat(metric.period_end) - date.fromisoformat(metric.period_start)).days


def _warnings(later: ReportAnalysis, base: ReportAnalysis) -> Iterable[str]:
    if later.model_version != base.model_version:
        yield (
            f"The analyses are of different models, {base.model_version} and {later.model_version}: their scores do "
            "not compare. Submit both reports again."
        )
    for kind in _TOLD_BY_FEW:
        reports = [report for report in (later, base) if any(section.type == kind for section in report.sections)]
        if len(reports) == 1:
            yield f"Only one of the reports has a section {kind}, which moves the scores of the whole reports."
    for name in ("optimism", "risk", "uncertainty"):
        lowest = min(getattr(later, name).confidence, getattr(base, name).confidence)
        if lowest < _LOW_CONFIDENCE:
            yield f"The change of {name} has low confidence ({lowest:.2f})."
