"""Passages of a narrative that indicate risk."""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from reports_core.domain.analysis import RiskIndicator
from reports_worker.processors import context, tone
from reports_worker.processors.lexicon import Lexicon
from reports_worker.processors.phrases import PhraseTable, listed
from reports_worker.processors.sentences import Sentence

_MAX_INDICATORS = 50
_MAX_PER_LABEL = 6
_MIN_ADVERSE = 2.0  # lexicon weight of what a sentence must say besides naming a topic
_HYPOTHETICAL_SHARE = 0.65
_FACT_REACH = 8
_PER_ADVERSE_WEIGHT = 0.02
_MAX_AGGRAVATION = 0.07
_MAX_SEVERITY = 0.99
_GRAVE = 0.7  # no topic reaches it, only facts
_LIGHTEST_GRAVE = 0.6


@dataclass(frozen=True, slots=True)
class _Sign:
    label: str
    severity: float
    fact: bool


@functools.cache
def _signs() -> PhraseTable[_Sign]:
    path = resources.files("reports_worker.processors").joinpath("data/risks.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return PhraseTable(
        (phrase, _Sign(label, entry["severity"], kind == "facts"))
        for kind in ("topics", "facts")
        for label, entry in data[kind].items()
        for phrase in listed(entry["phrases"])
    )


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, what it says, and whether it stands among the risk factors, which tell what might be."""

    sentence: Sentence
    said: tone.Tone
    among_risk_factors: bool


def find(passages: Iterable[Passage], lexicon: Lexicon) -> tuple[RiskIndicator, ...]:
    """Return the passages, most severe first and else in document order; few of a kind, so that kinds show."""
    found: dict[str, RiskIndicator] = {}
    for passage in passages:
        indicator = _indicator(passage, lexicon)
        if indicator is not None:
            found.setdefault(indicator.excerpt, indicator)
    ranked = sorted(found.values(), key=lambda indicator: -indicator.severity)
    taken: Counter[str] = Counter()
    kept: list[RiskIndicator] = []
    for indicator in ranked:
        taken[indicator.label] += 1
        if taken[indicator.label] <= _MAX_PER_LABEL:
            kept.append(indicator)
    return tuple(kept[:_MAX_INDICATORS])


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
    tokens = passage.sentence.tokens
    denied = context.denied_positions(tokens, lexicon)
    adverse = passage.said.risk + passage.said.negative
    severities = [
        (_severity(passage, position, sign, lexicon), sign.label)
        for position, _, sign in _signs().find(tokens)
        if position not in denied and (sign.fact or adverse >= _MIN_ADVERSE)
    ]
    if not severities:
        return None
    severity, label = max(severities, key=lambda found: found[0])
    severity += min(_PER_ADVERSE_WEIGHT * adverse, _MAX_AGGRAVATION)
    return RiskIndicator(label, round(min(severity, _MAX_SEVERITY), 4), passage.sentence.text)


def _severity(passage: Passage, position: int, sign: _Sign, lexicon: Lexicon) -> float:
    """Return less for what only might be; a fact is one unless its own clause says otherwise."""
    tokens = passage.sentence.tokens
    clause = tokens[max(position - _FACT_REACH, 0) : position]
    decisive = clause if sign.fact and not passage.among_risk_factors else tokens
    return sign.severity * (1.0 if not any(lexicon.hypothetical.find(decisive)) else _HYPOTHETICAL_SHARE)
