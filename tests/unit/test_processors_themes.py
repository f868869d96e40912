"""The themes that a reader would name."""

from __future__ import annotations

import tomllib
from typing import TypedDict

import pytest

from reports_worker.processors import sentences, themes
from tests.support.filings import FILINGS, report_type_of
from tests.unit.processors_documents import analysed, sample
from tests.unit.processors_tone import EXPECTED


class Expected(TypedDict, total=False):
    """What the table says of one filing."""

    first: list[str]
    within: int
    never: list[str]


TABLE: dict[str, Expected] = tomllib.loads((EXPECTED / "themes.toml").read_text("utf-8"))

needs_filings = pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")


def labels(text: str) -> list[str]:
    return [theme.label for theme in themes.find(list(sentences.split(text)))]


@needs_filings
@pytest.mark.parametrize("name", TABLE)
def test_the_first_themes_of_a_filing_are_those_that_a_reader_names(name: str) -> None:
    found = [theme.label for theme in analysed((FILINGS / name).read_bytes(), report_type_of(name)).key_themes]
    expected = TABLE[name]
    assert set(expected.get("first", [])) <= set(found[: expected.get("within", 5)])
    assert not set(expected.get("never", [])) & set(found)


def test_weights_are_shares_and_the_first_is_the_greatest() -> None:
    found = sample("lumenstack").key_themes
    weights = [theme.weight for theme in found]
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) <= 1.001


def test_reports_of_different_businesses_have_different_themes() -> None:
    first = {theme.label for theme in sample("marlow").key_themes[:5]}
    second = {theme.label for theme in sample("ostrander").key_themes[:5]}
    assert not first & second


SILK = (
    "We breed silkworms and spin raw silk. The silkworms are fed with leaves from our own groves. Last year raw silk "
    "became dearer, while feed was plentiful. Our silkworms suffered no disease, and every second silkworm reached its "
    "full weight. Weavers in Como buy most of the raw silk; the rest goes to Lyon. A silkworm lives for five weeks. We "
    "keep two million silkworms in nine sheds, and plan a tenth."
)
ORGANS = (
    "We tune and restore church organs. An organ pipe is cast from tin and lead. Few craftsmen know how a church organ "
    "is voiced, and each organ pipe is shaped by hand. In spring the workshop took in nine church organs. The oldest "
    "organ pipe dates from 1711. A church organ can stay with us for two years."
)


@pytest.mark.parametrize(
    ("text", "expected"), [(SILK, {"raw silk", "silkworm"}), (ORGANS, {"church organ", "organ pipe"})]
)
def test_an_unknown_business_is_named_by_its_own_words(text: str, expected: set[str]) -> None:
    assert expected <= set(labels(text))


def test_a_phrase_that_returns_is_a_theme_and_a_name_is_not() -> None:
    text = "The vertical greenhouse at Fort Bishop grew. We saw Fort Bishop and another vertical greenhouse. "
    found = labels(text * 4)
    assert "vertical greenhouse" in found
    assert not any("bishop" in label.lower() for label in found)


def test_two_forms_of_a_phrase_are_one_theme() -> None:
    assert labels(
        "A vertical greenhouse was built. Vertical greenhouses and a vertical greenhouse were sold. " * 3
    ) == ["vertical greenhouse"]


def test_forms_and_years_are_no_themes() -> None:
    text = "In the fiscal year we filed our annual report on Form 10-K for the fiscal year ended December 31, 2024. "
    assert analysed(text * 10).key_themes == ()
