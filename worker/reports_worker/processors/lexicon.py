"""The model's lexicon: what words and phrases of financial reporting say."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources

from reports_worker.processors.phrases import PhraseTable, listed

_WEIGHTS = {"strong": 2.0, "plain": 1.0, "weak": 0.5}
_CATEGORIES = ("positive", "negative", "risk", "uncertainty")


@dataclass(frozen=True, slots=True)
class Term:
    """The weight of a term in each category; all 0 for a phrase that only hides its words."""

    positive: float = 0.0
    negative: float = 0.0
    risk: float = 0.0
    uncertainty: float = 0.0


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Terms, words of direction with what they may move, and words that turn a statement."""

    terms: PhraseTable[Term]
    directions: Mapping[str, int]
    """+1 for words of rise, -1 for words of fall."""
    movables: Mapping[str, float]
    """How good it is when such a quantity rises: revenue 1, costs below 0."""
    negators: PhraseTable[bool]
    hypothetical: frozenset[str]


@functools.cache
def load() -> Lexicon:
    """Return the lexicon of this model version, read once."""
    text = resources.files("reports_worker.processors").joinpath("data/lexicon.toml").read_text(encoding="utf-8")
    return parse(text)


def parse(text: str) -> Lexicon:
    data = tomllib.loads(text)
    direction, context = data["direction"], data["context"]
    return Lexicon(
        terms=PhraseTable(_terms(data).items()),
        directions={word: sign for key, sign in (("up", 1), ("down", -1)) for word in listed(direction[key])},
        movables={
            word: value
            for key, value in (("worse_up_slightly", -0.3), ("worse_up", -1.0), ("better_up", 1.0))
            for word in listed(direction[key])
        },
        negators=PhraseTable((phrase, True) for phrase in listed(context["negators"])),
        hypothetical=frozenset(listed(context["hypothetical"])),
    )


def _terms(data: Mapping[str, Mapping[str, str]]) -> dict[str, Term]:
    terms = {phrase: Term() for phrase in listed(data["neutral"]["phrases"])}
    for category in _CATEGORIES:
        for strength, phrases in data[category].items():
            for phrase in listed(phrases):
                known = terms.get(phrase, Term())
                weight = max(_WEIGHTS[strength], getattr(known, category))
                terms[phrase] = replace(known, **{category: weight})
    return terms
