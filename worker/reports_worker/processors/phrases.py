"""Phrases found word by word in a sentence, and the notation that data files write them in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from reports_worker.processors.sentences import tokenise

Value = TypeVar("Value")


class PhraseTable(Generic[Value]):
    """What each phrase stands for; the longest phrase at a place counts."""

    def __init__(self, entries: Iterable[tuple[str, Value]]) -> None:
        self._by_first_word: dict[str, list[tuple[tuple[str, ...], int, Value]]] = {}
        for phrase, value in entries:
            words = tuple(token.lower() for token in tokenise(phrase))
            self._by_first_word.setdefault(words[0], []).append((words, len(words), value))
        for candidates in self._by_first_word.values():
            candidates.sort(key=lambda candidate: -candidate[1])

    def match(self, tokens: Sequence[str], position: int) -> tuple[int, Value] | None:
        """Return the length and the value of the longest phrase at `position`."""
        for words, length, value in self._by_first_word.get(tokens[position], ()):
            if length == 1 or tuple(tokens[position : position + length]) == words:
                return length, value
        return None

    def find(self, tokens: Sequence[str]) -> Iterator[tuple[int, int, Value]]:
        """Yield position, length and value of the phrases in `tokens`, without overlaps."""
        position = 0
        while position < len(tokens):
            found = self.match(tokens, position)
            if found is None:
                position += 1
            else:
                yield position, *found
                position += found[0]


def listed(text: str) -> Iterator[str]:
    """Yield the phrases of a list separated by commas and line breaks.

    `strength||s|en` stands for the stem with each of the suffixes: strength, strengths, strengthen.
    """
    for entry in text.replace("\n", ",").split(","):
        stem, *suffixes = entry.strip().split("|")
        if stem:
            yield from (stem + suffix for suffix in suffixes or ("",))
