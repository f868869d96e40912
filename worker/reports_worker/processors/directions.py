"""What a sentence says rises or falls, how far, and whether that is good."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports_worker.processors.context import CLAUSE_MARKS
from reports_worker.processors.lexicon import Lexicon

_REACH = 6  # words, those of dates and periods not counted
_MAX_WALK = 24
_APPENDED = frozenset({"up", "down"})
_ARTICLES = frozenset({"a", "an"})
_PERIOD = frozenset(
    "for the a three six nine twelve month months quarter quarters quarterly year years week weeks period periods "
    "fiscal ended ending first second third fourth full half january february march april #may june july august "
    "september october november december".split()
)
_PERCENT_REACH = 7
_PERCENT_BEHIND = 3
_AMOUNT_REACH = 14
COMPARING = frozenset({"compared", "versus", "against", "vs"})
"""Words between two amounts of which the first is the newer."""
_SCALES = frozenset({"thousand", "million", "billion", "percent"})
_OBJECT_FOLLOWS = frozenset({("in",), ("of",), ("our",), ("the",), ("its",)})
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
    compared = _compared(tokens, spent, lexicon)
    if compared is not None:
        yield compared


def _compared(tokens: Sequence[str], spent: set[int], lexicon: Lexicon) -> Movement | None:
    """Return what two amounts say: `net income was 44 million dollars compared with 52 million`."""
    middle = next((position for position, token in enumerate(tokens) if token in COMPARING), None)
    if middle is None or not spent.isdisjoint(range(middle)):
        return None
    moved = next((position for position in range(middle) if tokens[position] in lexicon.movables), None)
    if moved is None:
        return None
    now = _amount(tokens, range(moved + 1, middle))
    before = _amount(tokens, range(middle + 1, min(middle + 1 + _AMOUNT_REACH, len(tokens))))
    if now is None or before is None or now[1] != before[1] or now[0] == before[0] or not before[0]:
        return None
    value = _stepped(100 * abs(now[0] - before[0]) / before[0]) * lexicon.movables[tokens[moved]]
    effect = value if now[0] > before[0] else -value
    if effect > 0 and lexicon.movables[tokens[moved]] <= -1:
        effect *= _LESS_BAD_SHARE
    same = [position for position, token in enumerate(tokens) if token == tokens[moved]]
    return Movement(tuple(same), *_sides(effect, 0.0))


def _amount(tokens: Sequence[str], positions: range) -> tuple[float, str] | None:
    """Return the first amount and its scale."""
    for position in positions:
        token, following = tokens[position], tokens[position + 1 : position + 2]
        scale = "percent" if token.endswith("%") else "".join(following)
        if token[0].isdigit() and scale in _SCALES:
            number = _number(token)
            if number is not None:
                return number, scale
    return None


def _sides(effect: float, turn: float) -> tuple[float, float]:
    """Return the good and the bad of a movement; one that slows is half of what it was, and half of the contrary."""
    grown, contrary = abs(effect) * (1 + turn), abs(effect) * max(-turn, 0.0)
    return (grown, contrary) if effect > 0 else (contrary, grown)


def _moved(tokens: Sequence[str], position: int, lexicon: Lexicon) -> int | None:
    """Return the position of what the word at `position` says rises or falls."""
    ahead = list(_reached(tokens, range(position + 1, len(tokens))))
    appended = tokens[position] in _APPENDED or tokens[max(position - 1, 0)] in _ARTICLES
    behind = list(_reached(tokens, range(position - 1, -1, -1), commas=int(appended)))
    follows = tokens[position] in _ADJECTIVES or tokens[position + 1 : position + 2] in _OBJECT_FOLLOWS
    for reach in (ahead, behind) if follows else (behind, ahead):
        for candidate in reach:
            if tokens[candidate] in lexicon.movables:
                return _head(tokens, candidate, lexicon) if reach is behind else candidate
    return None


def _reached(tokens: Sequence[str], positions: Sequence[int], commas: int = 0) -> Iterator[int]:
    """Yield the positions of the same clause within reach; dates and periods neither end nor lengthen the way.

    `commas` may be crossed, as before `up` in `revenue was 12 million, up 5 %`.
    """
    left = _REACH
    for position in positions[:_MAX_WALK]:
        token = tokens[position]
        if token in CLAUSE_MARKS:
            if not _is_within_date(tokens, position):
                if token != "," or not commas:
                    return
                commas -= 1
        elif token not in _PERIOD and not token[0].isdigit():
            left -= 1
        yield position
        if not left:
            return


def _is_within_date(tokens: Sequence[str], position: int) -> bool:
    """Tell the comma of `November 2, 2024` from one between clauses."""
    beside = (*tokens[position - 1 : position], *tokens[position + 1 : position + 2])
    return tokens[position] == "," and len(beside) == 2 and all(token[0].isdigit() for token in beside)


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
        return _stepped(percent)
    beside = (*tokens[max(position - 1, 0) : position], *tokens[position + 1 : position + 2])
    return next((lexicon.degrees[token] for token in beside if token in lexicon.degrees), 1.0)


def _percent(tokens: Sequence[str], position: int) -> float | None:
    """Return the percentage of change beside the word of direction: in what follows, or else just before."""
    ahead = range(position + 1, min(position + 1 + _PERCENT_REACH, len(tokens)))
    behind = range(position - 1, max(position - 1 - _PERCENT_BEHIND, -1), -1)
    for start in (*itertools.takewhile(lambda spot: tokens[spot] not in CLAUSE_MARKS, ahead), *behind):
        if tokens[start][0].isdigit() and (start == 0 or tokens[start - 1] not in _NO_CHANGE):
            value = _as_percent(tokens, start)
            if value is not None:
                return value
    return None


def _as_percent(tokens: Sequence[str], start: int) -> float | None:
    number, following = tokens[start], tokens[start + 1 : start + 3]
    if not (number.endswith("%") or following[:1] == ("percent",) or following == ("per", "cent")):
        return None
    return _number(number)


def _stepped(percent: float) -> float:
    return next((factor for limit, factor in _PERCENT_STEPS if percent < limit), _LARGEST_FACTOR)


def _number(token: str) -> float | None:
    try:
        return float(token.rstrip("%.,").replace(",", ""))
    except ValueError:  # a version number or a date
        return None
