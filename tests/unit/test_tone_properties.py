"""What holds of the scores of any text."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports_worker.processors import scoring, sentences, tone
from reports_worker.processors.scoring import ACCOUNTS, Scores
from tests.support.filings import FILINGS
from tests.unit.processors_documents import PROSE, ROOT, SAMPLES, analysed
from tests.unit.processors_tone import TEXTS, said

SENTENCES = [
    sentence.text
    for part in TEXTS.values()
    for text in part.values()
    for sentence in sentences.split(" ".join(text.split()))
]
DARK = [
    "We suffered severe losses.",
    "Sales collapsed and our largest customer went bankrupt.",
    "Our auditors resigned because of fraud.",
    "The product failed, and we recorded a substantial impairment.",
    "Revenue fell 40% and the net loss widened.",
]
BRIGHT = ["Profits rose to a record.", "We achieved outstanding growth.", "Revenue grew 40% and margins improved."]
KINDS = ["MD_A", "CEO_LETTER", "OTHER", "RISK_FACTORS", ACCOUNTS]

texts = st.lists(st.sampled_from(SENTENCES), max_size=40)
tones = st.builds(
    tone.Tone,
    words=st.integers(0, 1_000_000).map(float),
    positive=st.floats(0, 1e4),
    negative=st.floats(0, 1e4),
    risk=st.floats(0, 1e4),
    uncertainty=st.floats(0, 1e4),
)


def scores(told: list[str]) -> Scores:
    return scoring.of_section(tone.total(map(said, told)))


@given(texts, st.sampled_from(DARK))
def test_bad_news_never_raises_optimism(told: list[str], news: str) -> None:
    assert scores([*told, news]).optimism.value <= scores(told).optimism.value


@given(texts, st.sampled_from(BRIGHT))
def test_good_news_never_lowers_optimism(told: list[str], news: str) -> None:
    assert scores([*told, news]).optimism.value >= scores(told).optimism.value


@given(texts)
def test_the_order_of_sentences_does_not_matter(told: list[str]) -> None:
    assert scores(told) == scores(told[::-1])


@given(texts)
def test_what_is_said_twice_scores_much_the_same(told: list[str]) -> None:
    once, twice = scores(told), scores(told * 2)
    assert abs(once.optimism.value - twice.optimism.value) < 0.12
    assert (once.optimism.value - 0.5) * (twice.optimism.value - 0.5) >= 0


@given(st.dictionaries(st.sampled_from(KINDS), tones), st.floats(0, 10))
def test_scores_and_confidences_are_between_zero_and_one(told: dict[str, tone.Tone], gravity: float) -> None:
    found = scoring.of_report(told, gravity)
    for score in (found.optimism, found.risk, found.uncertainty):
        assert 0 <= score.value <= 1
        assert 0 <= score.confidence <= 1


@given(st.dictionaries(st.sampled_from(KINDS), tones, min_size=1), st.data(), st.floats(0.1, 100))
def test_more_against_it_never_raises_optimism(told: dict[str, tone.Tone], data: st.DataObject, more: float) -> None:
    kind = data.draw(st.sampled_from(sorted(told)))
    before = scoring.of_report(told, 0.0).optimism.value
    told[kind].negative += more
    assert scoring.of_report(told, 0.0).optimism.value <= before


@given(st.text(max_size=3_000))
@settings(max_examples=300)
def test_any_text_has_scores(text: str) -> None:
    assert 0 < scores([text]).optimism.value < 1


def test_confidence_rises_with_the_length_of_a_consistent_text() -> None:
    told = " ".join(TEXTS["first"]["record_year"].split())
    confidences = [analysed(f"{told} " * times).optimism.confidence for times in (1, 2, 4, 8)]
    assert all(shorter < longer for shorter, longer in pairwise(confidences))
    assert confidences[-1] > 0.85


def test_mixed_and_neutral_texts_are_less_sure_than_clear_ones() -> None:
    clear = scoring.of_section(tone.Tone(words=1_000, positive=36, negative=4)).optimism
    mixed = scoring.of_section(tone.Tone(words=1_000, positive=20, negative=20)).optimism
    neutral = scoring.of_section(tone.Tone(words=1_000, positive=2, negative=2)).optimism
    assert clear.confidence > mixed.confidence > neutral.confidence
    assert clear.confidence > 0.7 > mixed.confidence


def test_low_confidence_is_flagged() -> None:
    assert any("low confidence" in warning for warning in analysed(PROSE).warnings)


PRINT_ANALYSES = """
import sys
from pathlib import Path
from reports_worker.processors import analyse
for name in sys.argv[1:]:
    print(analyse(Path(name).read_bytes(), "10_K", lambda step, fraction: None))
"""


def printed(files: list[Path], hash_seed: str, locale: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": locale, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", PRINT_ANALYSES, *map(str, files)]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True, timeout=120)
    return ran.stdout.decode()


def assert_the_same_everywhere(files: list[Path]) -> None:
    first = printed(files, "0", "C")
    assert first.count("ReportAnalysis") == len(files)
    assert printed(files, "4711", "tr_TR.UTF-8") == first


def test_another_process_finds_the_same_in_the_samples() -> None:
    assert_the_same_everywhere(sorted(path for path in SAMPLES.iterdir() if path.suffix in {".htm", ".pdf", ".txt"}))


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
def test_another_process_finds_the_same_in_filings() -> None:
    names = ["10k_apple_fy2024.htm", "10k_amazon_2019.pdf", "20f_aegon_fy2000.htm", "10k_tgfin_2009_fullsubmission.txt"]
    assert_the_same_everywhere([FILINGS / name for name in names])
