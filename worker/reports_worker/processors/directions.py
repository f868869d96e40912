"""What a sentence says rises or falls, how far, and whether that is good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports_worker.processors.context import CLAUSE_MARKS
from reports_worker.processors.lexicon import Lexicon

_REACH = 6
_PERCENT_REACH = 7
_OBJECT_FOLLOWS = frozenset({"in", "of", "our", "the", "its"})
_ADJECTIVES = frozenset(
    "higher lower increased decreased reduced improved less growing declining rising falling fewer".split()
)
_HEADS = frozenset({"of", "for", "in"})
_NO_CHANGE = frozenset({"to", "from", "at", "than"})  # what follows these is a level and no change
_PERCENT_STEPS = ((1.0, 0.5), (5.0, 0.8), (20.0, 1.0), (50.0, 1.3))
_LARGEST_FACTOR = 1.6
_LESS_BAD_SHARE = 0.7  # smaller losses are good news, but less so than larger profits
_PACE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Movement:
    """Something that rises or falls: how good and how bad that is, and the positions of the words that say so."""

    positions: tuple[int, ...]
    good: float
    bad: float


def read(tokens: Sequence[str], denied: set[int], covered: set[int], lexicon: Lexicon) -> Iterator[Movement]:
    """Yield the movements of a sentence; no word belongs to two of them, and none of those `covered` to any."""
    spent = set(covered)
    for position, token in enumerate(tokens):
        sign = lexicon.directions.get(token, 0)
        if not sign or position in spent:
            continue
        moved = _moved(tokens, position, lexicon)
        if moved is None or moved in spent:
            continue
        pace = _pace(tokens, position, lexicon)
        positions = (position, moved) if pace is None else (position, moved, pace)
        spent.update(positions)
        effect = _factor(tokens, position, lexicon) * sign * lexicon.movables[tokens[moved]]
        if position in denied:
            effect = -effect
        if effect > 0 and lexicon.movables[tokens[moved]] <= -1:
            effect *= _LESS_BAD_SHARE
        turn = 0.0 if pace is None else _PACE_SHARE * lexicon.paces[tokens[pace]]
        yield Movement(positions, *_sides(effect, turn))


def _sides(effect: float, turn: float) -> tuple[float, float]:
    """Return the good and the bad of a movement; one that slows is half of what it was, and half of the contrary."""
    grown, contrary = abs(effect) * (1 + turn), abs(effect) * max(-turn, 0.0)
    return (grown, contrary) if effect > 0 else (contrary, grown)


def _moved(tokens: Sequence[str], position: int, lexicon: Lexicon) -> int | None:
    """Return the position of what the word at `position` says rises or falls."""
    behind = range(position - 1, max(position - 1 - _REACH, -1), -1)
    ahead = range(position + 1, min(position + 1 + _REACH, len(tokens)))
    follows = tokens[position] in _ADJECTIVES or (bool(ahead) and tokens[ahead[0]] in _OBJECT_FOLLOWS)
    for reach in (ahead, behind) if follows else (behind, ahead):
        for candidate in reach:
            if tokens[candidate] in CLAUSE_MARKS:
                break
            if tokens[candidate] in lexicon.movables:
                return _head(tokens, candidate, lexicon) if reach is behind else candidate
    return None


def _head(tokens: Sequence[str], candidate: int, lexicon: Lexicon) -> int:
    """Return the noun that governs the candidate: the cost in `cost of sales`."""
    if candidate >= 2 and tokens[candidate - 1] in _HEADS and tokens[candidate - 2] in lexicon.movables:
        return candidate - 2
    return candidate


def _pace(tokens: Sequence[str], position: int, lexicon: Lexicon) -> int | None:
    """Return the position of the word that says the movement itself slows or quickens, as in `the decline slowed`."""
    for ahead in range(position + 1, min(position + 1 + _REACH, len(tokens))):
        if tokens[ahead] in CLAUSE_MARKS or tokens[ahead] == "and":
            return None
        if tokens[ahead] in lexicon.paces:
            return ahead
    return None


def _factor(tokens: Sequence[str], position: int, lexicon: Lexicon) -> float:
    """Return how far the movement goes, by the percentage or else the adverb beside it; 1 where nothing is said."""
    percent = _percent(tokens, position)
    if percent is not None:
        return next((factor for limit, factor in _PERCENT_STEPS if percent < limit), _LARGEST_FACTOR)
    beside = (*tokens[max(position - 1, 0) : position], *tokens[position + 1 : position + 2])
    return next((lexicon.degrees[token] for token in beside if token in lexicon.degrees), 1.0)


def _percent(tokens: Sequence[str], position: int) -> float | None:
    """Return the percentage of change just before or after the word of direction."""
    for start in (*range(position + 1, position + 1 + _PERCENT_REACH), position - 1, position - 2, position - 3):
        if not 0 <= start < len(tokens) or (start > position and tokens[start] in CLAUSE_MARKS):
            if start > position:
                continue
            break
        if tokens[start][0].isdigit() and (start == 0 or tokens[start - 1] not in _NO_CHANGE):
            value = _as_percent(tokens, start)
            if value is not None:
                return value
    return None


def _as_percent(tokens: Sequence[str], start: int) -> float | None:
    number, following = tokens[start], tokens[start + 1 : start + 3]
    if not (number.endswith("%") or following[:1] == ("percent",) or following == ("per", "cent")):
        return None
    try:
        return float(number.rstrip("%.,").replace(",", ""))
    except ValueError:  # a version number or a date
        return None
