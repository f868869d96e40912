"""Sentences and their words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_CHARACTERS = 2_000
"""A sentence longer than this is divided."""

_BREAK = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9•])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Inc|Corp|Co|Ltd|No|Nos|Mr|Mrs|Ms|Dr|Jr|Sr|St|vs|v|approx|Fig|Sec|Art|et al|e\.g|i\.e|cf|al|U\.S|U\.K|"
    r"E\.U|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)|\b[A-Z])\.[\"'”’)\]]*\s*\Z"
)
_ABBREVIATION_WITHIN = 12
_TOKEN = re.compile(r"[A-Za-z]+(?:['’&.-][A-Za-z]+)*|\d[\d.,]*%?|[,;:()—–?]")
_CUTS = ("; ", ", ", " ")  # where a long sentence is divided, the best first
_FIRST_LETTER, _AFTER_LETTERS = "a", "{"  # of a word in lower case; numbers, marks and `#may` lie outside
_SHORTEST_CUT = 0.5  # of the longest


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its text, and its tokens in lower case with numbers and clause marks among them."""

    text: str
    tokens: tuple[str, ...]
    cased: tuple[str, ...]
    """The same tokens as written."""
    word_count: int


def split(paragraph: str) -> Iterator[Sentence]:
    """Yield the sentences of one paragraph; one that is too long is divided between its words."""
    start = 0
    for gap in _BREAK.finditer(paragraph):
        if _ABBREVIATION.search(paragraph[max(start, gap.start() - _ABBREVIATION_WITHIN) : gap.start()]):
            continue
        yield from _sentences(paragraph[start : gap.end()].strip())
        start = gap.end()
    yield from _sentences(paragraph[start:].strip())


def _sentences(text: str) -> Iterator[Sentence]:
    start = 0
    while len(text) - start > MAX_CHARACTERS:
        end = start + _cut(text[start : start + MAX_CHARACTERS])
        yield _sentence(text[start:end].rstrip())
        start = end
    if start < len(text):
        yield _sentence(text[start:])


def _cut(text: str) -> int:
    for mark in _CUTS:
        found = text.rfind(mark)
        if found >= _SHORTEST_CUT * len(text):
            return found + len(mark)
    return len(text)


def tokenise(text: str) -> tuple[str, ...]:
    """Return the words, numbers and clause marks of `text` as written, words without a possessive ending."""
    text = text.replace("’", "'")
    found: list[str] = _TOKEN.findall(text)
    if "'" in text:
        found = [token.removesuffix("'s").removesuffix("'S") for token in found]
    return tuple(found)


def _sentence(text: str) -> Sentence:
    cased = tokenise(text)
    # Interned, since a report says few words many times and each is looked up in several tables.
    tokens = tuple(map(sys.intern, map(str.lower, cased)))
    if "may" in tokens:
        tokens = tuple(_month_told_apart(tokens, cased))
    return Sentence(text, tokens, cased, sum([_FIRST_LETTER <= token < _AFTER_LETTERS for token in tokens]))


def _month_told_apart(tokens: Sequence[str], cased: Sequence[str]) -> Iterator[str]:
    """Yield the tokens with `#may` for the month: by its capital within a sentence, or by the day or year after it."""
    for position, token in enumerate(tokens):
        after = tokens[position + 1][:1] if position + 1 < len(tokens) else ""
        is_month = token == "may" and (after.isdigit() or (position > 0 and cased[position] == "May"))
        yield "#may" if is_month else token
