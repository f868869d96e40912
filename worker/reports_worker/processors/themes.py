"""The themes of a narrative: known themes of company reports, and phrases that a document keeps coming back to."""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Iterable
from importlib import resources

from reports_core.domain.analysis import Theme
from reports_worker.processors.phrases import PhraseTable, listed
from reports_worker.processors.sentences import Sentence

_MAX_THEMES = 20
_MIN_WEIGHT = 0.01
_SHARES = {"common": 0.2, "frequent": 0.5, "specific": 1.0}  # a theme of every report tells little about this one
_LONG_TEXT = 1_500  # words; from here on one mention is no theme
_WORDS_PER_PAIR = 4_000
_MIN_PAIRS = 3
_MAX_PAIRS = 6
_MIN_LETTERS = 4


@functools.cache
def _known() -> PhraseTable[tuple[str, float]]:
    data = tomllib.loads(_read("themes.toml"))
    return PhraseTable(
        (phrase, (label, share))
        for kind, share in _SHARES.items()
        for label, phrases in data[kind].items()
        for phrase in listed(phrases)
    )


@functools.cache
def _common_words() -> frozenset[str]:
    lines = _read("common_words.txt").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _read(name: str) -> str:
    return resources.files("reports_worker.processors").joinpath("data", name).read_text(encoding="utf-8")


def find(sentences: Iterable[Sentence]) -> tuple[Theme, ...]:
    """Return the themes, most prominent first; weights are shares of all mentions of themes."""
    mentions: Counter[str] = Counter()
    prominence: dict[str, float] = {}
    pairs: Counter[str] = Counter()
    words = 0
    for sentence in sentences:
        words += sentence.word_count
        covered: set[int] = set()
        for position, length, (label, share) in _known().find(sentence.tokens):
            covered.update(range(position, position + length))
            mentions[label] += 1
            prominence[label] = prominence.get(label, 0.0) + share
        pairs.update(_pairs(sentence, covered))
    least = 2 if words >= _LONG_TEXT else 1
    prominent = {label: count for label, count in prominence.items() if mentions[label] >= least}
    return _ranked(prominent | _frequent(pairs, words))


def _pairs(sentence: Sentence, covered: set[int]) -> Iterable[str]:
    """Yield pairs of neighbouring words that may name a theme; capitals are names, and names are none."""
    for position, (first, second) in enumerate(zip(sentence.cased, sentence.cased[1:], strict=False)):
        if not (first.islower() and second.islower() and len(first) >= _MIN_LETTERS and len(second) >= _MIN_LETTERS):
            continue
        if (_is_common(first) and _is_common(second)) or not covered.isdisjoint((position, position + 1)):
            continue
        if first not in _JOINING and second not in _JOINING:
            yield f"{first} {second}"


def _is_common(word: str) -> bool:
    return all(part in _common_words() for part in word.split("-"))


_JOINING = frozenset(
    "with from that this these those which their there than then been were have into upon such other each both only "
    "also more most some when while where whom whose about after before between during under over through within "
    "without "
    "against among would could should will shall must might does being having same very much many such they them your "
    "herein thereof thereto hereby therefor thereby".split()
)


def _frequent(pairs: Counter[str], words: int) -> dict[str, float]:
    least = max(_MIN_PAIRS, words // _WORDS_PER_PAIR)
    ranked = sorted(pairs.items(), key=lambda pair: -pair[1])[:_MAX_PAIRS]
    return {pair: float(count) for pair, count in ranked if count >= least}


def _ranked(prominence: dict[str, float]) -> tuple[Theme, ...]:
    total = sum(prominence.values())
    ranked = sorted(prominence.items(), key=lambda theme: -theme[1])[:_MAX_THEMES]  # equal ones in the document's order
    weighted = ((label, round(value / total, 4)) for label, value in ranked)
    return tuple(Theme(label, weight) for label, weight in weighted if weight >= _MIN_WEIGHT)
