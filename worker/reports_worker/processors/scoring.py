"""Scores from the tone of what was said.

Each kind of section counts by what it is and not by its length: a hundred pages of notes do not drown management's
discussion. Its share is w s / (W + s), where w is the weight of its kind, W its words and s a constant.

Optimism is (k / 2 + A) / (k + A + C), where A and C are the positive and the negative weight of all kinds, each by
its share: a text that says nothing for better or worse is neutral, and more evidence moves the score further. Grave
events, such as doubt about the going concern, add to C: what they mean outweighs how long they are told. The score is
the mean of the distribution Beta(k / 2 + A, k / 2 + C) with the standard deviation d, which was d0 before the text was
read, and its confidence is 1 - d / d0: short and mixed texts leave it wide.

Risk and uncertainty rise with their weight per 100 words, x: x^1.5 / (x^1.5 + r^1.5), which is 0.5 at `r`, the rate of
an ordinary annual report; a prior of `m` words at a low rate keeps a short text from being extreme. The confidence is
the share of the score that comes from the text and not from the prior.

`docs/analysis.md` works an example through. All values are rounded, so that the last digit does not depend on the
machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports_core.domain.analysis import Score
from reports_worker.processors.tone import Tone

_DIGITS = 4
_EVALUATIVE_PRIOR = 4.0  # k
_WORDS_PRIOR = 120.0  # m
_PRIOR_RATE = 0.5  # per 100 words
_ORDINARY_RISK = 1.6  # r, per 100 words
_ORDINARY_UNCERTAINTY = 1.7
_FULL_VOICE = 3_000.0  # s, words

ACCOUNTS = "ACCOUNTS"
"""The kind of financial statements and their notes: long, technical and much the same everywhere."""

_OPTIMISM_WEIGHTS = {"MD_A": 1.6, "CEO_LETTER": 1.3, "OTHER": 1.0, "RISK_FACTORS": 0.3, ACCOUNTS: 0.2}
_RISK_WEIGHTS = {"MD_A": 1.3, "CEO_LETTER": 1.0, "OTHER": 1.0, "RISK_FACTORS": 0.7, ACCOUNTS: 0.3}

_EVENT_NEGATIVE = 6.0  # what a grave event adds, and beside it a share of all that was said
_EVENT_SHARE = 0.15
_EVENT_RISK = 1.3  # per 100 words
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
    words = math.fsum(tone.words for tone in tones.values())
    return Scores(
        optimism=_balance(tones, events),
        risk=_density(_rate(tones, "risk") + events * _EVENT_RISK, words, _ORDINARY_RISK),
        uncertainty=_density(_rate(tones, "uncertainty"), words, _ORDINARY_UNCERTAINTY),
    )


def _share(weight: float, tone: Tone) -> float:
    return weight * _FULL_VOICE / (tone.words + _FULL_VOICE)


def _balance(tones: Mapping[str, Tone], events: float) -> Score:
    positive = math.fsum(_share(_OPTIMISM_WEIGHTS[kind], tone) * tone.positive for kind, tone in tones.items())
    negative = math.fsum(_share(_OPTIMISM_WEIGHTS[kind], tone) * tone.negative for kind, tone in tones.items())
    negative += events * (_EVENT_NEGATIVE + _EVENT_SHARE * (positive + negative))
    evidence = _EVALUATIVE_PRIOR + positive + negative
    value = (_EVALUATIVE_PRIOR / 2 + positive) / evidence
    return _score(value, 1 - _deviation(value, evidence) / _deviation(0.5, _EVALUATIVE_PRIOR))


def _deviation(mean: float, evidence: float) -> float:
    """Return the standard deviation of a beta distribution."""
    return math.sqrt(mean * (1 - mean) / (evidence + 1))


def _rate(tones: Mapping[str, Tone], category: str) -> float:
    """Return the weight per 100 words in a category, averaged over the kinds of sections by their shares."""
    voices = {kind: _share(_RISK_WEIGHTS[kind], tone) * tone.words for kind, tone in tones.items() if tone.words}
    total = math.fsum(voices.values())
    rates = (voice / total * 100 * getattr(tones[kind], category) / tones[kind].words for kind, voice in voices.items())
    return math.fsum(rates)


def _density(rate: float, words: float, ordinary: float) -> Score:
    trust = words / (words + _WORDS_PRIOR)
    powered = _powered(trust * rate + (1 - trust) * _PRIOR_RATE)
    return _score(powered / (powered + _powered(ordinary)), trust)


def _powered(rate: float) -> float:
    """Return the power of 3/2 by operations that every machine rounds alike."""
    return rate * math.sqrt(rate)


def _score(value: float, confidence: float) -> Score:
    return Score(round(value, _DIGITS), round(confidence, _DIGITS))


def by_kind(tones: Iterable[tuple[str, Tone]]) -> dict[str, Tone]:
    """Return the tone of each kind, added up from its sections."""
    added: dict[str, Tone] = {}
    for kind, tone in tones:
        added.setdefault(kind, Tone()).add(tone)
    return added
