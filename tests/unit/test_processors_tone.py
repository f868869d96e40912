"""What the words of a sentence say."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from reports_core.domain.analysis import Score
from reports_worker.processors import lexicon, scoring, sentences, tone
from reports_worker.processors.phrases import PhraseTable, listed
from tests.unit.processors_tone import said


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Revenue increased in every region.", "Revenue decreased in every region."),
        ("Losses decreased sharply.", "Losses increased sharply."),
        ("We reported higher margins.", "We reported lower margins."),
        ("We recorded a decline in delinquencies.", "We recorded a decline in orders."),
        ("The product was successful.", "The product was not successful."),
        ("We did not record any impairment.", "We recorded an impairment."),
        ("The program was profitable.", "The program never became profitable."),
        ("It was a record year.", "It was a difficult year."),
    ],
)
def test_the_sense_of_a_sentence_is_understood(better: str, worse: str) -> None:
    good, bad = said(better), said(worse)
    assert good.positive > good.negative
    assert bad.negative > bad.positive


def test_a_negator_ends_with_its_clause() -> None:
    assert said("It was not cheap, but successful.").positive == said("It was successful.").positive


def test_not_only_denies_nothing() -> None:
    assert said("It was not only profitable.").negative == 0


def test_denied_risk_is_no_risk() -> None:
    assert said("There was a data breach.").risk > 0
    assert said("There was no data breach.").risk == 0


def test_the_longest_phrase_counts_and_its_words_do_not() -> None:
    assert said("There is substantial doubt.").uncertainty == 0
    assert said("The loss per share is shown below.").negative == 0
    assert said("The loss is shown below.").negative == 1


def test_what_may_happen_weighs_less_than_what_did() -> None:
    assert said("We could suffer losses.").negative < said("We did suffer losses.").negative


def test_the_month_is_not_the_verb() -> None:
    assert said("It was signed on May 4, 2024.").uncertainty == 0
    assert said("It may be signed.").uncertainty == 1


def test_a_name_is_not_a_word() -> None:
    assert said("We bought it from Progress Energy.").positive == 0
    assert said("We made progress.").positive == 1


def test_sentences_do_not_end_after_abbreviations() -> None:
    text = "Acme Corp. sold its U.S. plant to Mr. A. Smith for $4.5 million. It was old."
    assert [sentence.text for sentence in sentences.split(text)] == [text[:-12], "It was old."]


def test_a_sentence_without_an_end_is_divided() -> None:
    assert all(len(sentence.text) <= 2_000 for sentence in sentences.split("word " * 5_000))


def test_entries_of_the_data_files_stand_for_their_forms() -> None:
    assert list(listed("strength||s|en, well positioned,\n pa|y|id")) == [
        "strength",
        "strengths",
        "strengthen",
        "well positioned",
        "pay",
        "paid",
    ]


def test_phrases_are_found_without_overlaps() -> None:
    table = PhraseTable([("net loss", 1), ("loss", 2), ("loss of a customer", 3)])
    tokens = sentences.tokenise("net loss and loss of a customer loss")
    assert list(table.find(tokens)) == [(0, 2, 1), (3, 4, 3), (7, 1, 2)]


def data(name: str) -> dict[str, dict[str, str]]:
    text = resources.files("reports_worker.processors").joinpath("data", name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@pytest.mark.parametrize("category", ["positive", "negative", "risk", "uncertainty"])
def test_every_category_of_the_lexicon_has_hundreds_of_forms(category: str) -> None:
    forms = {form for phrases in data("lexicon.toml")[category].values() for form in listed(phrases)}
    terms = lexicon.load().terms
    assert len(forms) > 250
    for form in forms:
        tokens = [token.lower() for token in sentences.tokenise(form)]
        found = terms.match(tokens, 0)
        assert found is not None
        assert found[0] == len(tokens)
        assert getattr(found[1], category) > 0, form


def test_no_phrase_stands_for_two_themes() -> None:
    themes = data("themes.toml")
    phrases = [phrase.lower() for kind in themes.values() for text in kind.values() for phrase in listed(text)]
    assert sorted(phrases) == sorted(set(phrases))


def test_nothing_said_is_neutral_without_confidence() -> None:
    scores = scoring.of_section(tone.Tone())
    assert scores.optimism == Score(0.5, 0.0)
    assert scores.risk.confidence == 0
    assert scores.risk.value < 0.3


def test_more_evidence_moves_the_score_further_and_raises_the_confidence() -> None:
    little = scoring.of_section(tone.Tone(words=50, positive=2)).optimism
    much = scoring.of_section(tone.Tone(words=500, positive=20)).optimism
    assert 0.5 < little.value < much.value < 1
    assert little.confidence < much.confidence


def test_notes_do_not_drown_what_management_says() -> None:
    glad = tone.Tone(words=1_000, positive=30, negative=5)
    notes = tone.Tone(words=50_000, positive=200, negative=600)
    assert scoring.of_report({"MD_A": glad, scoring.ACCOUNTS: notes}, gravity=0).optimism.value > 0.6


def test_a_grave_event_outweighs_the_words_around_it() -> None:
    tones = {"MD_A": tone.Tone(words=5_000, positive=60, negative=40, risk=60)}
    calm, grave = (scoring.of_report(tones, gravity=gravity) for gravity in (0.0, 1.0))
    assert grave.optimism.value < calm.optimism.value
    assert grave.risk.value > calm.risk.value + 0.1
