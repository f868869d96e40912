"""What a sentence makes of its words: denied, or only said of what might be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports_worker.processors.lexicon import Lexicon

CLAUSE_MARKS = frozenset(",;:()—–?")
_MAX_WALK = 14  # tokens that a negator reaches at most, light words included
_LIST_REACH = 10
_LIGHT = frozenset(
    "a an the any of its our their to be been in such significant material substantial further other additional".split()
)
_DENIAL_ENDS = frozenset({"but", "however", "although", "though", "while", "and", "because", "nor", "which", "that"})
_JOINS = frozenset({"or", "nor"})
_NEW_CLAUSE = frozenset({"but", "although", "though", "whereas", "while"})
_NEW_CLAUSE_AFTER_COMMA = _NEW_CLAUSE | {"and", "which", "as", "so"}


def denied_positions(tokens: Sequence[str], lexicon: Lexicon) -> set[int]:
    """Return the positions that a negator reaches; what two of them reach is affirmed again."""
    denied: set[int] = set()
    for start, length, reach in lexicon.negators.find(tokens):
        denied.symmetric_difference_update(_reached(tokens, start + length, reach))
    return denied


def _reached(tokens: Sequence[str], start: int, reach: int) -> Iterator[int]:
    """Yield the positions within `reach` words of the same clause; each member of a list with `or` starts anew.

    A clause with `that` is reached from right before it, as in `do not expect that`, and else ends the denial.
    """
    left = reach
    for position in range(start, min(start + _MAX_WALK, len(tokens))):
        token = tokens[position]
        if token == "that" and position == start:
            continue
        if left <= 0 or token in _DENIAL_ENDS:
            return
        if token in CLAUSE_MARKS:
            if token != "," or reach == 1 or not _list_goes_on(tokens, position):
                return
            left = reach
        elif token == "or":
            left = reach
        else:
            yield position
            left -= token not in _LIGHT


def _list_goes_on(tokens: Sequence[str], comma: int) -> bool:
    for token in tokens[comma + 1 : comma + 1 + _LIST_REACH]:
        if token in _JOINS:
            return True
        if token in _DENIAL_ENDS or (token in CLAUSE_MARKS and token != ","):
            return False
    return False


def hypothetical_positions(tokens: Sequence[str], lexicon: Lexicon) -> set[int]:
    """Return the positions of what only might be: the clauses with a word such as `may` or `if`.

    A clause without one counts as well, unless it tells what happened, as in `sales fell, and may fall further`.
    """
    spots = [position for position, _, supposes in lexicon.hypothetical.find(tokens) if supposes]
    if not spots:
        return set()
    reached: set[int] = set()
    for clause in _clauses(tokens):
        supposed = any(spot in clause for spot in spots)
        if supposed or lexicon.told.isdisjoint(tokens[clause.start : clause.stop]):
            reached.update(clause)
    return reached


def _clauses(tokens: Sequence[str]) -> Iterator[range]:
    start = 0
    for position, token in enumerate(tokens):
        comma = position > 0 and tokens[position - 1] == ","
        if token == ";" or token in (_NEW_CLAUSE_AFTER_COMMA if comma else _NEW_CLAUSE):
            yield range(start, position)
            start = position
    yield range(start, len(tokens))
