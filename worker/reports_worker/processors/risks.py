"""Passages of a narrative that indicate risk."""

from __future__ import annotations

import functools
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from reports_core.domain.analysis import RiskIndicator
from reports_worker.processors import context, tone
from reports_worker.processors.lexicon import Lexicon
from reports_worker.processors.phrases import PhraseTable, listed
from reports_worker.processors.sentences import MAX_CHARACTERS, Sentence

_MAX_INDICATORS = 50
_MAX_PER_LABEL = 6
_MIN_ADVERSE = 2.0  # lexicon weight of what a sentence must say besides naming a topic
_HYPOTHETICAL_SHARE = 0.6
_GENERAL_SHARE = 0.8  # of what is neither told as an event nor as a possibility
_RESOLVED_SHARE = 0.65
_PER_ADVERSE_WEIGHT = 0.01
_MAX_AGGRAVATION = 0.07
_MAX_SEVERITY = 0.99
_GRAVE = 0.7  # no topic reaches it, only facts
_LIGHTEST_GRAVE = 0.6
_MIN_WORDS = 5
_LIST_MARKS = frozenset(",;")
_WORDS_PER_MARK = 7  # fewer words between the commas make a list and no statement
_MIN_MARKS = 6
_WHOLE = re.compile(r"[\"'“‘(\[•*–—-]*\s*[A-Z0-9$€£].*[.!][\"'”’)\]]*", re.DOTALL)
_NOT_LETTERS = re.compile(r"[^a-z]+")
_SAME_SHARE = 0.75  # of their words: two passages that say the same


@dataclass(frozen=True, slots=True)
class _Sign:
    label: str
    severity: float
    fact: bool


@functools.cache
def _signs() -> PhraseTable[_Sign | None]:
    """Return the signs of risk, and None for phrases that only look like one."""
    path = resources.files("reports_worker.processors").joinpath("data/risks.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    signs: dict[str, _Sign | None] = {
        phrase: _Sign(label, entry["severity"], kind == "facts")
        for kind in ("topics", "facts")
        for label, entry in data[kind].items()
        for phrase in listed(entry["phrases"])
    }
    return PhraseTable((signs | dict.fromkeys(listed(data["ignored"]["phrases"]))).items())


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, what it says, and whether it stands among the risk factors, which tell what might be."""

    sentence: Sentence
    said: tone.Tone
    among_risk_factors: bool


def find(passages: Iterable[Passage], lexicon: Lexicon) -> tuple[RiskIndicator, ...]:
    """Return the passages, most severe first and else in document order.

    Only whole sentences count, each thing said once, and few of a label, so that the kinds of risk show.
    """
    found = [indicator for passage in passages if (indicator := _indicator(passage, lexicon)) is not None]
    taken: Counter[str] = Counter()
    kept: list[RiskIndicator] = []
    known: list[frozenset[str]] = []
    for indicator in sorted(found, key=lambda indicator: -indicator.severity):
        words = frozenset(_NOT_LETTERS.split(indicator.excerpt.lower()))
        if taken[indicator.label] == _MAX_PER_LABEL or any(_same(words, other) for other in known):
            continue
        taken[indicator.label] += 1
        known.append(words)
        kept.append(indicator)
        if len(kept) == _MAX_INDICATORS:
            break
    return tuple(kept)


def _same(words: frozenset[str], other: frozenset[str]) -> bool:
    return len(words & other) >= _SAME_SHARE * min(len(words), len(other))


def gravity(indicators: Iterable[RiskIndicator]) -> float:
    """Return how grave the events of a report are together: about 1 for going concern, less for a dividend cut.

    Each kind counts once, by its most severe passage.
    """
    worst: dict[str, float] = {}
    for indicator in indicators:
        worst[indicator.label] = max(worst.get(indicator.label, 0.0), indicator.severity)
    return sum(
        (severity - _LIGHTEST_GRAVE) / (1 - _LIGHTEST_GRAVE) for severity in worst.values() if severity >= _GRAVE
    )


def _indicator(passage: Passage, lexicon: Lexicon) -> RiskIndicator | None:
    sentence = passage.sentence
    signs = [(position, sign) for position, _, sign in _signs().find(sentence.tokens) if sign is not None]
    if not signs or sentence.word_count < _MIN_WORDS or not _is_whole(sentence.text):
        return None
    adverse = passage.said.risk + passage.said.negative
    topical = adverse >= _MIN_ADVERSE and not _is_list(sentence)
    denied = context.denied_positions(sentence.tokens, lexicon)
    severities = [
        (_severity(passage, position, sign, lexicon), sign.label)
        for position, sign in signs
        if position not in denied and (sign.fact or topical)
    ]
    if not severities:
        return None
    severity, label = max(severities, key=lambda found: found[0])
    severity += min(_PER_ADVERSE_WEIGHT * adverse, _MAX_AGGRAVATION)
    return RiskIndicator(label, round(min(severity, _MAX_SEVERITY), 4), sentence.text)


def _is_whole(text: str) -> bool:
    """Tell a whole sentence from a heading, a fragment and a part of a list."""
    return len(text) <= MAX_CHARACTERS and _WHOLE.fullmatch(text) is not None


def _is_list(sentence: Sentence) -> bool:
    marks = sum(1 for token in sentence.tokens if token in _LIST_MARKS)
    return marks >= _MIN_MARKS and sentence.word_count < _WORDS_PER_MARK * marks


def _severity(passage: Passage, position: int, sign: _Sign, lexicon: Lexicon) -> float:
    """Return less for what only might be, for what is said in general and for what is over."""
    tokens = passage.sentence.tokens
    severity = sign.severity * (_RESOLVED_SHARE if _holds(lexicon.resolved, tokens) else 1.0)
    supposed = context.hypothetical_positions(tokens, lexicon)
    if position in supposed or (supposed and passage.among_risk_factors):
        return severity * _HYPOTHETICAL_SHARE
    if not sign.fact and (passage.among_risk_factors or lexicon.told.isdisjoint(tokens)):
        return severity * _GENERAL_SHARE
    return severity


def _holds(table: PhraseTable[bool], tokens: Sequence[str]) -> bool:
    return any(True for _ in table.find(tokens))
