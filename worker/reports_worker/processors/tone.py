"""What the words of a sentence say: for better or worse, of risk, and how surely."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports_worker.processors.lexicon import Lexicon
from reports_worker.processors.sentences import Sentence

_HYPOTHETICAL_SHARE = 0.3  # what may happen says less of the company's course than what did
_DENIED_NEGATIVE_SHARE = 0.3  # `no impairment` is good news, but less so than a success
_NEGATION_REACH = 4
_DIRECTION_REACH = 6
_CLAUSE_MARKS = frozenset(",;:()—–?")
_NEGATION_ENDS = frozenset({"but", "however", "although", "while", "and"})
_OBJECT_FOLLOWS = frozenset({"in", "of", "our", "the"})
_ADJECTIVES = frozenset("higher lower increased decreased reduced improved less growing declining rising".split())


@dataclass(slots=True)
class Tone:
    """Weighted counts of what was said, in so many words."""

    words: float = 0.0
    positive: float = 0.0
    negative: float = 0.0
    risk: float = 0.0
    uncertainty: float = 0.0

    def add(self, other: Tone, weight: float = 1.0) -> None:
        self.words += weight * other.words
        self.positive += weight * other.positive
        self.negative += weight * other.negative
        self.risk += weight * other.risk
        self.uncertainty += weight * other.uncertainty


def total(tones: Iterable[Tone]) -> Tone:
    result = Tone()
    for tone in tones:
        result.add(tone)
    return result


def of_sentence(sentence: Sentence, lexicon: Lexicon) -> Tone:
    """Return the tone of one sentence.

    A negator turns what follows it within its clause: denied good counts as bad, denied bad as a little good, and
    denied risk not at all. A word of direction takes its sense from what moves: rising revenue is good, rising
    losses are bad, rising alone is neither.
    """
    tokens = sentence.tokens
    tone = Tone(words=sentence.word_count)
    certainty = 1.0 if lexicon.hypothetical.isdisjoint(tokens) else _HYPOTHETICAL_SHARE
    denied = denied_positions(tokens, lexicon)
    spent = _read_directions(tokens, denied, lexicon, certainty, tone)
    for position, length, term in lexicon.terms.find(tokens):
        if length == 1 and _is_name(sentence, position):
            continue
        tone.uncertainty += term.uncertainty
        if position in denied:
            tone.negative += certainty * term.positive
            tone.positive += certainty * _DENIED_NEGATIVE_SHARE * term.negative
            continue
        tone.risk += term.risk
        if position not in spent:
            tone.positive += certainty * term.positive
            tone.negative += certainty * term.negative
    return tone


def _is_name(sentence: Sentence, position: int) -> bool:
    """Tell names from words by a capital within a sentence: `Progress Energy` is no progress."""
    word = sentence.cased[position]
    return position > 0 and word[0].isupper() and word[1:].islower()


def denied_positions(tokens: Sequence[str], lexicon: Lexicon) -> set[int]:
    """Return the positions that a negator reaches."""
    reached: set[int] = set()
    for start, length, _ in lexicon.negators.find(tokens):
        after = start + length
        if after < len(tokens) and tokens[after] == "only":
            continue
        for position in range(after, min(after + _NEGATION_REACH, len(tokens))):
            if tokens[position] in _CLAUSE_MARKS or tokens[position] in _NEGATION_ENDS:
                break
            reached.add(position)
    return reached


def _read_directions(
    tokens: Sequence[str], denied: set[int], lexicon: Lexicon, certainty: float, tone: Tone
) -> set[int]:
    """Add what rises and falls to `tone`; return the positions of the words that this explains."""
    spent: set[int] = set()
    for position, token in enumerate(tokens):
        sign = lexicon.directions.get(token, 0)
        if not sign or position in spent:
            continue
        moved = _moved(tokens, position, lexicon)
        if moved is None or moved in spent:
            continue
        spent.update((position, moved))
        effect = certainty * sign * lexicon.movables[tokens[moved]] * (-1 if position in denied else 1)
        tone.positive += max(effect, 0.0)
        tone.negative += max(-effect, 0.0)
    return spent


def _moved(tokens: Sequence[str], position: int, lexicon: Lexicon) -> int | None:
    """Return the position of what the word at `position` says rises or falls."""
    behind = range(position - 1, max(position - 1 - _DIRECTION_REACH, -1), -1)
    ahead = range(position + 1, min(position + 1 + _DIRECTION_REACH, len(tokens)))
    follows = tokens[position] in _ADJECTIVES or (bool(ahead) and tokens[ahead[0]] in _OBJECT_FOLLOWS)
    for reach in (ahead, behind) if follows else (behind, ahead):
        for candidate in reach:
            if tokens[candidate] in _CLAUSE_MARKS:
                break
            if tokens[candidate] in lexicon.movables:
                return candidate
    return None
