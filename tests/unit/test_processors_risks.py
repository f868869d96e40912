"""Risk indicators."""

from __future__ import annotations

import pytest

from reports_core.domain.analysis import RiskIndicator
from reports_worker.processors import lexicon, risks, sentences, tone
from tests.support.filings import FILINGS, report_type_of
from tests.unit.processors_documents import analysed, sample

needs_filings = pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")


def filing(name: str) -> tuple[RiskIndicator, ...]:
    return analysed((FILINGS / name).read_bytes(), report_type_of(name)).risk_indicators


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
    labels = [
        "Lawsuits",
        "Recalls",
        "Cyberattacks",
        "Tariffs",
        "Strikes",
        "Pandemics",
        "Shortages",
        "Hurricanes",
        "War",
    ]
    labels += ["Delinquencies", "Generic competition", "Obsolescence"]
    places = ["mill", "plant", "yard", "store", "mine", "port", "farm", "depot", "office", "branch"]
    text = " ".join(
        f"{label} hurt us badly and damaged {' and '.join(f'{label.lower()}{place}{letter}' for letter in 'abcdefgh')}."
        for label in labels
        for place in places
    )
    found = indicators(text)
    assert len(found) == 50
    assert all(len(indicator.excerpt) <= 2_000 for indicator in found)


def test_a_sentence_that_is_too_long_is_no_passage() -> None:
    assert indicators("Lawsuits and recalls hurt us badly and damaged " + "the plant and " * 200 + "the mill.") == ()


def test_the_same_thing_is_shown_once() -> None:
    text = (
        "A strike damaged the mill and hurt our sales badly. •A strike damaged the mill and hurt our sales very badly. "
    )
    assert len(indicators(text * 3)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "LAWSUITS AND RECALLS HURT OUR BUSINESS BADLY",
        "• lawsuits, recalls and defaults that hurt us badly;",
        "Factors are: strikes, recalls, defaults, wars, floods, hurricanes, fires, earthquakes, fraud and losses.",
        "There is no substantial doubt about our ability to continue.",
        "We do not expect that any of these lawsuits will harm our business or damage our reputation.",
        "The company did not suffer any strikes, recalls or defaults.",
        "The directors expect that the group will continue as a going concern and adopt the going concern basis.",
        "In preparing the accounts the directors assess the group's ability to continue as a going concern.",
        "Were there any lawsuits that hurt us badly and damaged our reputation?",
        "The allowance for credit losses is reviewed by management for impairment.",
    ],
)
def test_headings_lists_and_denials_are_no_passages(text: str) -> None:
    assert indicators(text) == ()


def test_passages_rank_by_what_they_tell() -> None:
    ranked = [
        "These conditions raise substantial doubt about our ability to continue as a going concern.",
        "On May 3 a jury found that we infringed two patents and awarded damages of 60 million dollars.",
        "On May 3 a competitor sued us for infringement and alleged that it had suffered harm.",
        "Lawsuits are costly and disrupt our business.",
        "We could be sued and suffer losses.",
    ]
    found = indicators(" ".join(reversed(ranked)))
    assert [indicator.excerpt for indicator in found] == ranked


def test_what_is_over_is_less_severe_than_what_goes_on() -> None:
    (over,) = indicators("The lawsuit that had harmed our business was settled in May.")
    (open_,) = indicators("The lawsuit that had harmed our business was heard in May.")
    assert over.severity < open_.severity


def test_each_kind_of_grave_event_counts_once() -> None:
    default = RiskIndicator("covenant breach", 0.9, "")
    assert risks.gravity([default, default]) == risks.gravity([default])
    assert risks.gravity([RiskIndicator("litigation", 0.6, "")]) == 0


@needs_filings
@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("10q_aeon_q3_2023.htm", "going concern"),
        ("10k_tgfin_2009_fullsubmission.txt", "going concern"),
        ("8k_abvc_2025_fullsubmission.txt", "non-reliance and restatement"),
        ("10q_apple_q2_2025.htm", "regulatory penalty"),
        ("10k_apple_fy2024.htm", "investigation"),
        ("10k_nvidia_fy2025.htm", "litigation"),
        ("10k_boeing_2022.pdf", "fraud or misconduct"),
        ("8k_unioncamp_1994.txt", "accident"),
        ("8k_buckle_2024-11-22_ex991.htm", "falling sales"),
        ("earnings_pge_2023-05-31.pdf", "fraud or misconduct"),
    ],
)
def test_the_most_severe_indicator_of_a_filing_is_what_a_reader_would_show(name: str, label: str) -> None:
    assert filing(name)[0].label == label


@needs_filings
@pytest.mark.parametrize("name", ["8k_1800flowers.htm", "8k_nordstrom.htm", "8k_fedex_2023-06-20.htm"])
def test_a_filing_of_pure_procedure_indicates_no_risk(name: str) -> None:
    assert filing(name) == ()


@needs_filings
@pytest.mark.parametrize("name", ["10k_netflix_fy2024.htm", "20f_aegon_fy2000.htm", "10k_boeing_2022.pdf"])
def test_passages_of_a_filing_are_whole_sentences_and_each_stands_once(name: str) -> None:
    found = filing(name)
    assert 0 < len(found) <= 50
    assert [one.severity for one in found] == sorted((one.severity for one in found), reverse=True)
    assert len({one.excerpt.lower() for one in found}) == len(found)
    for one in found:
        assert one.excerpt.rstrip("\"'”’)]")[-1] in ".!"
        assert not one.excerpt[0].islower()
