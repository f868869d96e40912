"""The themes of a narrative: known themes of company reports, and what else a document keeps coming back to."""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Iterable
from importlib import resources

from reports_core.domain.analysis import Theme
from reports_worker.processors.distinctive import Distinctive
from reports_worker.processors.phrases import PhraseTable, listed
from reports_worker.processors.sentences import Sentence

_MAX_THEMES = 20
_MIN_WEIGHT = 0.01
_SHARES = {"common": 0.2, "frequent": 0.5, "specific": 1.0}  # a theme of every report tells little about this one
_LONG_TEXT = 1_500  # words; from here on one mention is no theme


@functools.cache
def _known() -> PhraseTable[tuple[str, float] | None]:
    """Return the theme of each phrase and its share, and None for phrases that only look like one."""
    path = resources.files("reports_worker.processors").joinpath("data/themes.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    known: dict[str, tuple[str, float] | None] = {
        phrase: (label, share)
        for kind, share in _SHARES.items()
        for label, phrases in data[kind].items()
        for phrase in listed(phrases)
    }
    return PhraseTable((known | dict.fromkeys(listed(data["ignored"]["phrases"]))).items())


def find(sentences: Iterable[Sentence]) -> tuple[Theme, ...]:
    """Return the themes, most prominent first; weights are shares of all mentions of themes."""
    mentions: Counter[str] = Counter()
    prominence: dict[str, float] = {}
    distinctive = Distinctive()
    words = 0
    for sentence in sentences:
        words += sentence.word_count
        covered: set[int] = set()
        for position, length, theme in _known().find(sentence.tokens):
            covered.update(range(position, position + length))
            if theme is not None:
                label, share = theme
                mentions[label] += 1
                prominence[label] = prominence.get(label, 0.0) + share
        distinctive.add(sentence, covered)
    least = 2 if words >= _LONG_TEXT else 1
    prominent = {label: count for label, count in prominence.items() if mentions[label] >= least}
    return _ranked(prominent | distinctive.found(sum(prominent.values())))


def _ranked(prominence: dict[str, float]) -> tuple[Theme, ...]:
    total = sum(prominence.values())
    ranked = sorted(prominence.items(), key=lambda theme: -theme[1])[:_MAX_THEMES]  # equal ones in the document's order
    weighted = ((label, round(value / total, 4)) for label, value in ranked)
    return tuple(Theme(label, weight) for label, weight in weighted if weight >= _MIN_WEIGHT)
