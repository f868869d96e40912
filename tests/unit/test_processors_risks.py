"""Risk indicators and themes."""

from __future__ import annotations

import pytest

from reports_core.domain.analysis import RiskIndicator
from reports_worker.processors import lexicon, risks, sentences, themes, tone
from tests.unit.processors_documents import analysed, sample


def indicators(text: str, *, among_risk_factors: bool = False) -> tuple[RiskIndicator, ...]:
    words = lexicon.load()
    passages = [
        risks.Passage(sentence, tone.of_sentence(sentence, words), among_risk_factors)
        for sentence in sentences.split(text)
    ]
    return risks.find(passages, words)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("cindral", "going concern"),
        ("brightwater", "profit warning"),
        ("greymoor", "cyber incident"),
        ("marlow", "credit losses"),
    ],
)
def test_the_most_severe_indicator_is_what_the_report_is_known_for(name: str, label: str) -> None:
    found = sample(name).risk_indicators
    assert found[0].label == label
    assert [indicator.severity for indicator in found] == sorted((one.severity for one in found), reverse=True)


def test_a_record_year_has_no_severe_indicator() -> None:
    assert all(indicator.severity < 0.7 for indicator in sample("halvorsen").risk_indicators)


def test_what_might_be_is_less_severe_than_what_is() -> None:
    (fact,) = indicators("A notice of default arrived in October.")
    (threat,) = indicators("If we fail, a notice of default could follow.")
    (among,) = indicators("A notice of default may follow.", among_risk_factors=True)
    assert fact.severity >= 0.9
    assert max(threat.severity, among.severity) < 0.7


def test_what_is_denied_indicates_nothing() -> None:
    assert indicators("There is no substantial doubt about our future.") == ()


def test_a_topic_counts_only_where_something_adverse_is_said() -> None:
    assert indicators("Our suppliers met in the spring.") == ()
    assert [one.label for one in indicators("A shortage disrupted our suppliers.")] == ["supply disruption"]


def test_at_most_fifty_indicators_of_bounded_length_are_kept() -> None:
    words = "Lawsuits alleging harm, recalls, cyberattacks and defaults hurt us badly and damaged "
    text = " ".join(f"{words * 40}plant number {number}." for number in range(100))
    found = indicators(text)
    assert 0 < len(found) <= 50
    assert all(len(indicator.excerpt) <= 2_000 for indicator in found)


def test_each_kind_of_grave_event_counts_once() -> None:
    default = RiskIndicator("covenant breach", 0.9, "")
    assert risks.gravity([default, default]) == risks.gravity([default])
    assert risks.gravity([RiskIndicator("litigation", 0.6, "")]) == 0


def test_weights_of_themes_are_shares_and_the_first_is_the_greatest() -> None:
    found = sample("lumenstack").key_themes
    weights = [theme.weight for theme in found]
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) <= 1.001


def test_reports_of_different_businesses_have_different_themes() -> None:
    first = {theme.label for theme in sample("marlow").key_themes[:5]}
    second = {theme.label for theme in sample("ostrander").key_themes[:5]}
    assert not first & second


def test_a_phrase_that_returns_is_a_theme_and_a_name_is_not() -> None:
    text = "The vertical greenhouse at Fort Bishop grew. We saw Fort Bishop and another vertical greenhouse. "
    labels = [theme.label for theme in themes.find(list(sentences.split(text * 4)))]
    assert "vertical greenhouse" in labels
    assert not any("bishop" in label.lower() for label in labels)


def test_forms_and_years_are_no_themes() -> None:
    text = "In the fiscal year we filed our annual report on Form 10-K for the fiscal year ended December 31, 2024. "
    assert analysed(text * 10).key_themes == ()
