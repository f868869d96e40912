"""A quote counts only when it stands in the text, however that is typeset."""

from __future__ import annotations

import time

import pytest

from reports_worker.model import quotes

TEXT = (
    "Our  revenue\nrose 5.3% to $1.2 billion — the “best” year in the company’s history.\n"
    "We see no sustain\u00adable recovery; unsustainable growth of 10² units is ﬁnancially risky."
    "\N{NO-BREAK SPACE}The Café closed."
)


def find(quote: str, text: str = TEXT) -> str | None:
    return quotes.find(quotes.fold(text), quote)


@pytest.mark.parametrize(
    ("quote", "passage"),
    [
        ("revenue rose 5.3% to $1.2 billion", "revenue\nrose 5.3% to $1.2 billion"),
        ('- the "best" year in the company\'s history.', "— the “best” year in the company’s history."),
        ("“no sustainable recovery”", "no sustain\u00adable recovery"),
        (
            "units is financially risky. The Cafe\u0301 closed",
            "units is ﬁnancially risky.\N{NO-BREAK SPACE}The Café closed",
        ),
        ("  Our revenue   rose 5.3%\n", "Our  revenue\nrose 5.3%"),
        (TEXT, TEXT),
    ],
)
def test_typesetting_makes_no_difference_and_the_passage_is_that_of_the_text(quote: str, passage: str) -> None:
    assert find(quote) == passage


@pytest.mark.parametrize(
    "quote",
    [
        "revenue fell 5.3% to $1.2 billion",
        "REVENUE rose 5.3% to $1.2 billion",
        "revenue ... to $1.2 billion",
        "growth of 102 units is financially",
        "",
        "   ",
        "the “best”",
        "\u00ad" * 40,
    ],
    ids=["another word", "another case", "left out", "raised figure", "empty", "blank", "too short", "unseen"],
)
def test_what_the_text_does_not_say_is_no_quote(quote: str) -> None:
    assert find(quote) is None


@pytest.mark.parametrize(
    "quote",
    [
        "sustainable growth of 10² units",
        "growth of 10² units is financial",
        "Our revenue rose 5",
        "3% to $1.2 billion - the",
        "rose 5.3% to $1",
        '2 billion - the "best" year',
    ],
)
def test_a_quote_ends_where_words_and_numbers_end(quote: str) -> None:
    assert find(quote) is None


def test_a_later_place_counts_where_the_first_one_is_within_a_word() -> None:
    assert find("sustainable growth ahead", "unsustainable growth ahead. sustainable growth ahead") is not None


def test_a_whole_page_is_no_quote() -> None:
    page = "All of it was good. " * 200
    assert find(page, page) is None


def test_a_hostile_text_costs_no_time() -> None:
    text = quotes.fold("a" * 400_000)
    started = time.process_time()
    assert quotes.find(text, "a" * 1_000) is None
    assert quotes.find(text, "a" * 1_000 + "b") is None
    assert time.process_time() - started < 1
