"""Phrases found word by word in a sentence, and the notation that data files write them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from reports_worker.processors.sentences import tokenise

Value = TypeVar("Value")

_BRITISH = (
    (re.compile(r"(?<=[a-z]{3})iz(?=e|ing|ation)"), "is"),
    (re.compile(r"(?<=[a-z]{3})yz(?=e|ing)"), "ys"),
    (re.compile(r"\b(fav|lab|hon|behavi|endeav|rum|vig|harb|col)or"), r"\1our"),
    (re.compile(r"\bprogram(?=s?\b)"), "programme"),
    (re.compile(r"\bcenter"), "centre"),
    (re.compile(r"\bdefense"), "defence"),
    (re.compile(r"\blicens(?=e)"), "licenc"),
    (re.compile(r"\baluminum"), "aluminium"),
)


class PhraseTable(Generic[Value]):
    """What each phrase stands for; the longest phrase at a place counts."""

    def __init__(self, entries: Iterable[tuple[str, Value]]) -> None:
        self._words: dict[str, Value] = {}
        self._phrases: dict[str, dict[str, list[tuple[tuple[str, ...], Value]]]] = {}
        known: set[tuple[str, ...]] = set()
        for phrase, value in entries:
            for words in _spellings(phrase):
                if words not in known:
                    known.add(words)
                    self._add(words, value)
        for following in self._phrases.values():
            for candidates in following.values():
                candidates.sort(key=lambda candidate: -len(candidate[0]))
        self._first_words = self._words.keys() | self._phrases.keys()

    def _add(self, words: tuple[str, ...], value: Value) -> None:
        if len(words) == 1:
            self._words[words[0]] = value
        else:
            self._phrases.setdefault(words[0], {}).setdefault(words[1], []).append((words, value))

    def match(self, tokens: Sequence[str], position: int) -> tuple[int, Value] | None:
        """Return the length and the value of the longest phrase at `position`."""
        first = tokens[position]
        following = self._phrases.get(first)
        if following is not None and position + 1 < len(tokens):
            for words, value in following.get(tokens[position + 1], ()):
                if tuple(tokens[position : position + len(words)]) == words:
                    return len(words), value
        return (1, self._words[first]) if first in self._words else None

    def find(self, tokens: Sequence[str]) -> Iterator[tuple[int, int, Value]]:
        """Yield position, length and value of the phrases in `tokens`, without overlaps."""
        first_words = self._first_words
        free = 0
        for position in [position for position, token in enumerate(tokens) if token in first_words]:
            if position < free:
                continue
            found = self.match(tokens, position)
            if found is not None:
                yield position, *found
                free = position + found[0]


def _spellings(phrase: str) -> Iterator[tuple[str, ...]]:
    """Yield the tokens of `phrase` as written in America, and as in Britain where that differs."""
    american = phrase.lower()
    yield tokenise(american)
    british = american
    for pattern, spelling in _BRITISH:
        british = pattern.sub(spelling, british)
    if british != american:
        yield tokenise(british)


def listed(text: str) -> Iterator[str]:
    """Yield the phrases of a list separated by commas and line breaks.

    `strength||s|en` stands for the stem with each of the suffixes: strength, strengths, strengthen.
    """
    for entry in text.replace("\n", ",").split(","):
        stem, *suffixes = entry.strip().split("|")
        if stem:
            yield from (stem + suffix for suffix in suffixes or ("",))
