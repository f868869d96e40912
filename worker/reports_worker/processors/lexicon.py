"""The model's lexicon: what words and phrases of financial reporting say."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from reports_worker.processors import master_dictionary
from reports_worker.processors.phrases import PhraseTable, listed

_WEIGHTS = {"strong": 2.0, "plain": 1.0, "weak": 0.5}
_CATEGORIES = ("positive", "negative", "risk", "uncertainty")
_REACHES = {"far_negators": 14, "negators": 4, "next_negators": 1, "no_negators": 0}


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
    directions: Mapping[str, float]
    """+1 for words of rise, -1 for words of fall."""
    movables: Mapping[str, float]
    """How good it is when such a quantity rises: revenue 1, costs below 0."""
    paces: Mapping[str, float]
    """+1 for words that say a movement quickens, -1 for those that say it slows."""
    degrees: Mapping[str, float]
    """What an adverb makes of a movement: `sharply` more than 1, `slightly` less."""
    negators: PhraseTable[int]
    """How many words a negator reaches; 0 for phrases that only look like one."""
    hypothetical: PhraseTable[bool]
    """Words that say something only might be; False for phrases that only look like it."""
    told: frozenset[str]
    """Verbs that tell what happened."""
    resolved: PhraseTable[bool]
    """Words that say a matter is over."""
    mark: str = ""
    """What the model's version says of a lexicon that is not its own."""


@functools.cache
def load(path: Path | None = None) -> Lexicon:
    """Return the lexicon of this model version, read once.

    With the `path` of a Loughran-McDonald master dictionary, its words stand in place of the single words of ours
    that are positive, negative or uncertain; our phrases stay, which their list has none of. Raises ValueError for
    a file that is none.
    """
    text = resources.files("reports_worker.processors").joinpath("data/lexicon.toml").read_text(encoding="utf-8")
    return parse(text, None if path is None else master_dictionary.read(path))


def parse(text: str, master: Mapping[str, master_dictionary.Word] | None = None) -> Lexicon:
    data = tomllib.loads(text)
    direction, context = data["direction"], data["context"]
    terms = _terms(data)
    return Lexicon(
        terms=PhraseTable((terms if master is None else _replaced(terms, master)).items()),
        directions=_valued(direction, up=1, down=-1),
        movables=_valued(direction, worse_up_slightly=-0.3, worse_up=-1.0, better_up=1.0),
        paces=_valued(direction, quickens=1, slows=-1),
        degrees=_valued(direction, more=1.3, less=0.6),
        negators=PhraseTable((phrase, reach) for key, reach in _REACHES.items() for phrase in listed(context[key])),
        hypothetical=PhraseTable(
            (phrase, supposes)
            for key, supposes in (("hypothetical", True), ("not_hypothetical", False))
            for phrase in listed(context[key])
        ),
        told=frozenset(listed(context["told"])),
        resolved=PhraseTable((phrase, True) for phrase in listed(context["resolved"])),
        mark="" if master is None else "+lm",
    )


def _valued(lists: Mapping[str, str], **values: float) -> dict[str, float]:
    return {word: value for key, value in values.items() for word in listed(lists[key])}


def _terms(data: Mapping[str, Mapping[str, str]]) -> dict[str, Term]:
    terms = {phrase: Term() for phrase in listed(data["neutral"]["phrases"])}
    for category in _CATEGORIES:
        for strength, phrases in data[category].items():
            for phrase in listed(phrases):
                known = terms.get(phrase, Term())
                weight = max(_WEIGHTS[strength], getattr(known, category))
                terms[phrase] = replace(known, **{category: weight})
    return terms


def _replaced(terms: Mapping[str, Term], master: Mapping[str, master_dictionary.Word]) -> dict[str, Term]:
    """Return our phrases and the risk of our words, with their words for better, worse and unsure."""
    ours = {
        phrase: term if " " in phrase else Term(risk=term.risk)
        for phrase, term in terms.items()
        if " " in phrase or term.risk
    }
    for text, word in master.items():
        known = ours.get(text, Term())
        ours[text] = Term(
            positive=_WEIGHTS["plain"] * word.positive,
            negative=_WEIGHTS["plain"] * word.negative,
            risk=max(known.risk, _WEIGHTS["weak"] * (word.litigious or word.constraining)),
            uncertainty=max(_WEIGHTS["plain"] * word.uncertainty, _WEIGHTS["weak"] * word.weak_modal),
        )
    return ours
