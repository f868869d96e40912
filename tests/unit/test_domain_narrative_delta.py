"""How two analyses are compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports_core.domain.analysis import Metric, ReportAnalysis, Score, Section, Theme
from reports_core.domain.narrative_delta import NarrativeDelta, ScoreChanges, Significance, compare
from tests.support.storage import analysis


def scored(optimism: float, risk: float, uncertainty: float, confidence: float = 0.9) -> ReportAnalysis:
    return analysis(
        optimism=Score(optimism, confidence),
        risk=Score(risk, confidence),
        uncertainty=Score(uncertainty, confidence),
        key_themes=(),
        sections=(),
        financial_metrics=(),
    )


def themed(*labels: str) -> ReportAnalysis:
    return replace(scored(0.5, 0.5, 0.5), key_themes=tuple(Theme(label, 0.1) for label in labels))


def delta(overall: float, added: int = 0, removed: int = 0) -> NarrativeDelta:
    changes = ScoreChanges(optimism=overall, risk=-overall, uncertainty=-overall)
    return NarrativeDelta(changes, ("theme",) * added, ("theme",) * removed, (), (), ())


def test_changes_are_the_later_scores_less_the_earlier_ones() -> None:
    changes = compare(scored(0.7, 0.2, 0.3), scored(0.4, 0.6, 0.3)).changes
    assert changes == ScoreChanges(optimism=0.3, risk=-0.4, uncertainty=0.0)
    assert changes.overall == pytest.approx((0.3 + 0.4 - 0.0) / 3, abs=1e-4)


@pytest.mark.parametrize(
    ("overall", "themes", "significance"),
    [
        (0.0, 0, Significance.MINOR),
        (0.29, 0, Significance.MINOR),
        (0.3, 0, Significance.MODERATE),
        (0.0, 6, Significance.MODERATE),
        (-0.75, 0, Significance.MAJOR),
        (0.25, 10, Significance.MAJOR),
        (-0.7, 10, Significance.CRITICAL),
        (1.0, 25, Significance.CRITICAL),
    ],
)
def test_significance_follows_from_the_change_of_scores_and_of_themes(
    overall: float, themes: int, significance: Significance
) -> None:
    assert delta(overall, added=themes).significance is significance
    assert delta(-overall, removed=themes).significance is significance


SCORES = st.floats(0, 1)


@given(st.tuples(SCORES, SCORES, SCORES), st.tuples(SCORES, SCORES, SCORES))
def test_every_figure_stays_within_its_bounds(
    later: tuple[float, float, float], base: tuple[float, float, float]
) -> None:
    there, back = compare(scored(*later), scored(*base)), compare(scored(*base), scored(*later))
    for changes in (there.changes, back.changes):
        assert all(-1 <= value <= 1 for value in (changes.optimism, changes.risk, changes.uncertainty, changes.overall))
    assert there.changes.overall == -back.changes.overall
    assert 0 <= there.significance_score <= 1
    assert there.significance_score == back.significance_score


def test_a_report_does_not_differ_from_itself() -> None:
    same = compare(analysis(), analysis())
    assert (same.significance_score, same.significance) == (0, Significance.MINOR)
    assert (same.themes_added, same.themes_removed) == ((), ())


def test_a_main_theme_is_new_only_when_the_other_report_has_it_nowhere() -> None:
    many = [f"theme {number}" for number in range(11)]
    found = compare(themed("tariffs", "cloud", *many), themed(*many, "cloud", "pandemic"))
    assert found.themes_added == ("tariffs",)
    # The eleventh theme and those behind it are no main themes.
    assert found.themes_removed == ()
    assert compare(themed("a"), themed("b")).themes_removed == ("b",)


def test_sections_of_a_kind_are_compared_by_their_longest_ones() -> None:
    def section(kind: str, words: int, optimism: float) -> Section:
        score = Score(0.5, 0.9)
        return Section(kind, "Heading", words, Score(optimism, 0.9), score, score)

    later = replace(themed(), sections=(section("MD_A", 10, 0.1), section("MD_A", 500, 0.8), section("OTHER", 900, 1)))
    base = replace(themed(), sections=(section("MD_A", 400, 0.5), section("CEO_LETTER", 90, 1), section("OTHER", 9, 0)))
    (found,) = compare(later, base).sections
    assert (found.type, found.changes.optimism) == ("MD_A", 0.3)


def test_metrics_are_compared_where_both_reports_state_them() -> None:
    def stated(*metrics: Metric) -> ReportAnalysis:
        return replace(themed(), financial_metrics=metrics)

    revenues = Metric("us-gaap:Revenues", 120.0, "USD", "2024-01-01", "2024-12-31")
    later = stated(
        revenues,
        replace(revenues, value=100.0, period_end="2023-12-31"),
        Metric("us-gaap:Assets", 5.0, "USD", "", "2024-12-31"),
        Metric("us-gaap:ProfitLoss", 5.0, "USD", "2024-01-01", "2024-12-31"),
    )
    base = stated(
        replace(revenues, value=100.0, period_start="2023-01-01", period_end="2023-12-31"),
        Metric("us-gaap:ProfitLoss", 0.0, "USD", "2023-01-01", "2023-12-31"),
        Metric("us-gaap:Liabilities", 5.0, "USD", "", "2023-12-31"),
    )
    first, second = compare(later, base).metrics
    assert (first.later, first.base.value, first.relative_change) == (revenues, 100, 0.2)
    assert (second.later.concept, second.relative_change) == ("us-gaap:ProfitLoss", None)


def test_a_quarter_is_compared_with_a_quarter_and_not_with_the_year_to_date() -> None:
    def stated(*periods: tuple[float, str, str]) -> ReportAnalysis:
        metrics = tuple(Metric("us-gaap:Revenues", value, "USD", start, end) for value, start, end in periods)
        return replace(themed(), financial_metrics=metrics)

    third = stated((310.0, "2024-09-29", "2025-06-28"), (94.0, "2025-03-30", "2025-06-28"))
    second = stated((220.0, "2024-09-29", "2025-03-29"), (95.0, "2024-12-29", "2025-03-29"))
    (found,) = compare(third, second).metrics
    assert (found.later.value, found.base.value) == (94, 95)
    year = stated((390.0, "2023-10-01", "2024-09-28"), (95.0, "2023-06-30", "2023-09-30"))
    assert compare(third, year).metrics == ()
    assert compare(third, stated((5.0, "", "2025-03-29"))).metrics == ()
    assert compare(third, stated((5.0, "spring", "summer"))).metrics == ()


def test_what_does_not_compare_is_said() -> None:
    other = replace(scored(0.5, 0.5, 0.5), model_version="another/1")
    (warning,) = compare(scored(0.5, 0.5, 0.5), other).warnings
    assert "different models" in warning
    assert len(compare(scored(0.5, 0.5, 0.5, confidence=0.3), scored(0.5, 0.5, 0.5)).warnings) == 3
    score = Score(0.5, 0.9)
    with_risks = replace(scored(0.5, 0.5, 0.5), sections=(Section("RISK_FACTORS", "Risks", 90, score, score, score),))
    (warning,) = compare(with_risks, scored(0.5, 0.5, 0.5)).warnings
    assert "Only one of the reports has a section RISK_FACTORS" in warning
