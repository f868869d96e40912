"""Sentences and their words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BREAK = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9•])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Inc|Corp|Co|Ltd|No|Nos|Mr|Mrs|Ms|Dr|Jr|Sr|St|vs|v|approx|Fig|Sec|Art|et al|e\.g|i\.e|cf|al|U\.S|U\.K|"
    r"E\.U|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)|\b[A-Z])\.[\"'”’)\]]*\s*\Z"
)
_ABBREVIATION_WITHIN = 12
_TOKEN = re.compile(r"[A-Za-z]+(?:['’&.-][A-Za-z]+)*|\d[\d.,]*%?|[,;:()—–?]")
_POSSESSIVE = re.compile(r"'s\Z")
_MAX_SENTENCE = 2_000


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its text, and its tokens in lower case with numbers and clause marks among them."""

    text: str
    tokens: tuple[str, ...]
    cased: tuple[str, ...]
    """The same tokens as written."""
    word_count: int


def split(paragraph: str) -> Iterator[Sentence]:
    """Yield the sentences of one paragraph; one longer than 2,000 characters is divided."""
    start = 0
    for gap in _BREAK.finditer(paragraph):
        if _ABBREVIATION.search(paragraph[max(start, gap.start() - _ABBREVIATION_WITHIN) : gap.start()]):
            continue
        yield from _sentences(paragraph[start : gap.end()].strip())
        start = gap.end()
    yield from _sentences(paragraph[start:].strip())


def _sentences(text: str) -> Iterator[Sentence]:
    for start in range(0, len(text), _MAX_SENTENCE):
        yield _sentence(text[start : start + _MAX_SENTENCE])


def tokenise(text: str) -> tuple[str, ...]:
    """Return the words, numbers and clause marks of `text` as written, words without a possessive ending."""
    return tuple(_POSSESSIVE.sub("", token.replace("’", "'")) for token in _TOKEN.findall(text))


def _sentence(text: str) -> Sentence:
    cased = tokenise(text)
    tokens = tuple(_folded(token, position) for position, token in enumerate(cased))
    return Sentence(text, tokens, cased, sum(1 for token in tokens if token[0].isalpha()))


def _folded(token: str, position: int) -> str:
    if token == "May" and position > 0:
        return "#may"  # the month, not the verb
    return token.lower()
