"""Scores from the tone of what was said.

Optimism is the favourable share of all evaluative weight, b = P / (P + N), drawn towards 0.5 by a neutral prior of
`k`: (b E + k / 2) / (E + k), where E is the evaluative weight that was found. Risk and uncertainty rise with their
weight per 100 words, x: x^h / (x^h + r^h), which is 0.5 at `r`, the rate of an ordinary annual report; a prior of
`m` words at a low rate keeps a short text from being extreme. The confidence of a score is the share of it that comes
from the text and not from the prior.

In a report each kind of section speaks with its own weight, not with its length: a hundred pages of notes do not
drown management's discussion. A kind with few words has less of its weight, n / (n + s). Grave events, such as doubt
about the going concern, add to the negative and the risk weight: what they mean outweighs how long they are told.

All values are rounded, so that the last digit does not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports_core.domain.analysis import Score
from reports_worker.processors.tone import Tone

_DIGITS = 4
_EVALUATIVE_PRIOR = 8.0  # k
_WORDS_PRIOR = 120.0  # m
_PRIOR_RATE = 0.5  # per 100 words
_STEEPNESS = 1.5  # h
_ORDINARY_RISK = 1.6  # r, per 100 words
_ORDINARY_UNCERTAINTY = 1.7
_FULL_VOICE = 500.0  # s, words

ACCOUNTS = "ACCOUNTS"
"""The kind of financial statements and their notes: long, technical and much the same everywhere."""

_OPTIMISM_WEIGHTS = {"MD_A": 5.0, "CEO_LETTER": 4.0, "OTHER": 3.0, "RISK_FACTORS": 1.0, ACCOUNTS: 0.5}
_RISK_WEIGHTS = {"MD_A": 4.0, "CEO_LETTER": 3.0, "OTHER": 3.0, "RISK_FACTORS": 2.0, ACCOUNTS: 1.0}

_EVENT_NEGATIVE = 0.35  # per 100 words: what a grave event adds, as its meaning outweighs its length
_EVENT_RISK = 1.3
_MAX_GRAVITY = 3.0


@dataclass(frozen=True, slots=True)
class Scores:
    """The three scores of a section or of a report."""

    optimism: Score
    risk: Score
    uncertainty: Score


def of_section(tone: Tone) -> Scores:
    return of_report({"OTHER": tone}, gravity=0.0)


def of_report(tones: Mapping[str, Tone], gravity: float) -> Scores:
    """Return the scores of a report from the tone of each kind of section: a section's type, or ACCOUNTS.

    `gravity` is the weight of the grave events that the report tells of, about 1 for each.
    """
    events = min(gravity, _MAX_GRAVITY)
    words = sum(tone.words for tone in tones.values())
    opinion = _rates(tones, _OPTIMISM_WEIGHTS)
    dwelling = _rates(tones, _RISK_WEIGHTS)
    evidence = sum(tone.positive + tone.negative for tone in tones.values()) + events
    return Scores(
        optimism=_balance(opinion.positive, opinion.negative + events * _EVENT_NEGATIVE, evidence),
        risk=_density(dwelling.risk + events * _EVENT_RISK, words, _ORDINARY_RISK),
        uncertainty=_density(dwelling.uncertainty, words, _ORDINARY_UNCERTAINTY),
    )


def _rates(tones: Mapping[str, Tone], weights: Mapping[str, float]) -> Tone:
    """Return what was said per 100 words, averaged over the kinds of sections by their weights."""
    voices = {kind: weights[kind] * tone.words / (tone.words + _FULL_VOICE) for kind, tone in tones.items()}
    total = sum(voices.values())
    average = Tone()
    for kind, tone in tones.items():
        if tone.words:
            average.add(tone, 100 * voices[kind] / total / tone.words)
    return average


def _balance(positive: float, negative: float, evidence: float) -> Score:
    share = positive / (positive + negative) if positive + negative else 0.5
    trust = evidence / (evidence + _EVALUATIVE_PRIOR)
    return _score(trust * share + (1 - trust) / 2, trust)


def _density(rate: float, words: float, ordinary: float) -> Score:
    trust = words / (words + _WORDS_PRIOR)
    powered = (trust * rate + (1 - trust) * _PRIOR_RATE) ** _STEEPNESS
    return _score(powered / (powered + ordinary**_STEEPNESS), trust)


def _score(value: float, confidence: float) -> Score:
    return Score(round(value, _DIGITS), round(confidence, _DIGITS))


def by_kind(tones: Iterable[tuple[str, Tone]]) -> dict[str, Tone]:
    """Return the tone of each kind, added up from its sections."""
    added: dict[str, Tone] = {}
    for kind, tone in tones:
        added.setdefault(kind, Tone()).add(tone)
    return added
