"""Words and phrases that a document keeps coming back to and that other reports do not use."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from importlib import resources
from typing import TypeVar

from reports_worker.processors.sentences import Sentence

_WORDS_PER_PHRASE = 4_000  # of the text for each time that a phrase must return
_MIN_PHRASES = 3
_WORDS_PER_SINGLE = 600  # single words say less and must return more often
_MIN_SINGLES = 5
Candidate = TypeVar("Candidate", bound=Hashable)

_LITTLE_KNOWN = 0.015  # mentions of known themes for each word
_MIN_LETTERS = 3
_MIN_SINGLE_LETTERS = 6
_MAX_FOUND = 6
_MAX_COUNTED = 200_000  # phrases counted at a time; beyond, the rare ones are forgotten
_JOINED_SHARE = 0.75  # of the more frequent of two overlapping phrases: they are one
_NO_NOUN = ("ly", "ed", "able", "ible", "ful", "ous", "ive", "ing", "ary", "ent", "ant", "ical")
_NO_NAME = frozenset(
    "the and for are was its our not has had can may any all per who how out new one two use due net non tax key via "
    "yet did get got let put saw see say set six ten too own off few far ago add but nor she his her him you us it's "
    "with from that this these those which their there than then been were have into upon such other each both only "
    "also more most some when while where whom whose about after before between during under over through within "
    "without against among would could should will shall must might does being having same very much many they them "
    "your herein thereof thereto hereby therefor thereby points feet basis periods year-to-date non-cash thereon "
    "miles acres tons gallons hours days weeks months percent dollars units million billion thousand certain overall "
    "sudden exceeding amended strong bear bears excluding including".split()
)


@functools.cache
def _common_words() -> frozenset[str]:
    text = resources.files("reports_worker.processors").joinpath("data/common_words.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


class Distinctive:
    """Counts the candidates of a document, sentence by sentence."""

    def __init__(self) -> None:
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._triples: Counter[tuple[str, str, str]] = Counter()
        self._singles: Counter[str] = Counter()
        self._shown: dict[str, str] = {}
        self._words = 0

    def add(self, sentence: Sentence, covered: set[int]) -> None:
        """Count the candidates of `sentence` outside the positions that known themes cover.

        Capitals are names, and names are no themes.
        """
        self._words += sentence.word_count
        positions = _candidates(sentence, covered)
        pairs = dict(_pairs(sentence, positions))
        for position, (first, second) in pairs.items():
            self._pairs[first, self._counted(second)] += 1
            if position + 1 in pairs:
                self._triples[first, second, _singular(pairs[position + 1][1])] += 1
        self._singles.update(
            self._counted(word)
            for word in map(sentence.tokens.__getitem__, positions)
            if len(word) >= _MIN_SINGLE_LETTERS and not word.endswith(_NO_NOUN) and not _is_common(word)
        )
        _forget_rare(self._pairs)
        _forget_rare(self._triples)
        _forget_rare(self._singles)

    def _counted(self, noun: str) -> str:
        """Return the form under which a noun counts; it is shown in the singular if the text has that."""
        singular = _singular(noun)
        if singular == noun or singular not in self._shown:
            self._shown[singular] = noun
        return singular

    def found(self, known: float) -> dict[str, float]:
        """Return the phrases with how often they return.

        Where known themes say little, with `known` mentions of them, single words that return often are found too.
        """
        least = max(_MIN_PHRASES, self._words // _WORDS_PER_PHRASE)
        frequent: dict[tuple[str, ...], int] = {
            pair: count for pair, count in self._pairs.most_common(4 * _MAX_FOUND) if count >= least
        }
        phrases = _joined(frequent, self._triples)
        singles = self._frequent_words(phrases) if known < _LITTLE_KNOWN * self._words else {}
        ranked = sorted((phrases | singles).items(), key=lambda found: -found[1])[:_MAX_FOUND]
        return {" ".join((*words[:-1], self._shown[words[-1]])): float(count) for words, count in ranked}

    def _frequent_words(self, phrases: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
        told = {word for phrase in phrases for word in phrase}
        least = max(_MIN_SINGLES, self._words // _WORDS_PER_SINGLE)
        frequent = self._singles.most_common(4 * _MAX_FOUND)
        return {(word,): count for word, count in frequent if count >= least and word not in told}


def _forget_rare(counted: Counter[Candidate]) -> None:
    """Halve what is counted once it is too much, so that a text without end takes bounded memory and time."""
    if len(counted) <= _MAX_COUNTED:
        return
    rare = 1
    while len(counted) > _MAX_COUNTED // 2:
        for candidate in [candidate for candidate, count in counted.items() if count <= rare]:
            del counted[candidate]
        rare *= 2


def _candidates(sentence: Sentence, covered: set[int]) -> list[int]:
    return [
        position
        for position, word in enumerate(sentence.cased)
        if len(word) >= _MIN_LETTERS and word.islower() and position not in covered and word not in _NO_NAME
    ]


def _pairs(sentence: Sentence, positions: list[int]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield pairs of neighbouring words that may name something, an attribute and a noun, with their position.

    One of them must be a word that few reports use.
    """
    for position, following in itertools.pairwise(positions):
        first, second = sentence.tokens[position], sentence.tokens[following]
        if following != position + 1 or first.endswith("ly") or second.endswith(_NO_NOUN):
            continue
        if not (_is_common(first) and _is_common(second)):
            yield position, (first, second)


@functools.lru_cache(maxsize=50_000)
def _is_common(word: str) -> bool:
    common = _common_words()
    return all(part in common or _singular(part) in common or f"{part}s" in common for part in word.split("-"))


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _joined(pairs: dict[tuple[str, ...], int], triples: Counter[tuple[str, str, str]]) -> dict[tuple[str, ...], int]:
    """Make one phrase of two that mostly stand together: `insured depository` and `depository institution`."""
    joined = dict(pairs)
    for triple, count in triples.most_common(4 * _MAX_FOUND):
        first, second = triple[:2], triple[1:]
        if count >= _JOINED_SHARE * max(joined.get(first, count), joined.get(second, count)) and first in joined:
            joined.pop(first)
            joined.pop(second, None)
            joined[triple] = count
    return joined
