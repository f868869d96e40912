"""What the words of a sentence say: for better or worse, of risk, and how surely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports_worker.processors import context, directions
from reports_worker.processors.lexicon import Lexicon, Term
from reports_worker.processors.sentences import Sentence

_HYPOTHETICAL_SHARE = 0.3  # what may happen says less of the company's course than what did
_DENIED_NEGATIVE_SHARE = 0.3  # `no impairment` is good news, but less so than a success
_MOVEMENT_RISK = 0.5  # falling sales and rising losses are risk as well
_SILENT = Term()
_TITLE_SHARE = 0.6  # of words with a capital: a headline, where capitals tell no names


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
    losses are bad, rising alone is neither. Words that
    a movement explains say no more by themselves, nor do the words of a phrase.
    """
    tokens = sentence.tokens
    tone = Tone(words=sentence.word_count)
    terms = list(lexicon.terms.find(tokens))
    moving = not (lexicon.directions.keys().isdisjoint(tokens) and directions.COMPARING.isdisjoint(tokens))
    if not terms and not moving:
        return tone
    denied = context.denied_positions(tokens, lexicon)
    hypothetical = context.hypothetical_positions(tokens, lexicon)
    covered = {
        position
        for start, length, term in terms
        if length > 1 and (term == _SILENT or not lexicon.directions.keys().isdisjoint(tokens[start : start + length]))
        for position in range(start, start + length)
    }
    explained: set[int] = set()
    for movement in directions.read(tokens, denied, covered, lexicon) if moving else ():
        explained.update(movement.positions)
        certainty = _HYPOTHETICAL_SHARE if movement.positions[0] in hypothetical else 1.0
        tone.positive += certainty * movement.good
        tone.negative += certainty * movement.bad
        tone.risk += _MOVEMENT_RISK * movement.bad
    for start, length, term in terms:
        if length == 1 and _is_name(sentence, start):
            continue
        certainty = _HYPOTHETICAL_SHARE if start in hypothetical else 1.0
        tone.uncertainty += term.uncertainty
        if start in denied:
            tone.negative += certainty * term.positive
            tone.positive += certainty * _DENIED_NEGATIVE_SHARE * term.negative
        elif explained.isdisjoint(range(start, start + length)):
            tone.positive += certainty * term.positive
            tone.negative += certainty * term.negative
            tone.risk += term.risk
    return tone


def _is_name(sentence: Sentence, position: int) -> bool:
    """Tell names from words by a capital within a sentence: `Progress Energy` is no progress.

    At the start of a sentence, where every word has one, a name is what another capital follows. Headlines and
    text in capitals throughout have no names that can be told.
    """
    if not _is_capitalised(sentence.cased[position]):
        return False
    if position == 0 and not (len(sentence.cased) > 1 and _is_capitalised(sentence.cased[1])):
        return False
    capitalised = sum(map(_is_capitalised, sentence.cased))
    return capitalised < _TITLE_SHARE * sentence.word_count


def _is_capitalised(word: str) -> bool:
    return word[0].isupper() and word[1:].islower()
