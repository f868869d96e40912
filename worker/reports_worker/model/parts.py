"""Dividing a narrative into parts that fit into a request each, the most important sections first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reports_worker.model import tokens
from reports_worker.processor import Passage

_IMPORTANCE = ("MD_A", "CEO_LETTER", "RISK_FACTORS", "OTHER")
_FRAME_TOKENS = 40
"""For the marks around an excerpt."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Part:
    """Excerpts for one request, each with the type and the heading of its section."""

    excerpts: tuple[Passage, ...]

    @property
    def characters(self) -> int:
        return sum(len(excerpt.text) for excerpt in self.excerpts)


def divide(sections: Iterable[Passage], room: int) -> list[Part]:
    """Return parts of at most `room` tokens by the estimate; sections are cut where a paragraph or a sentence ends."""
    parts: list[Part] = []
    gathered: list[Passage] = []
    left = room
    for excerpt in _excerpts(sections, room):
        size = _size(excerpt)
        if size > left:
            parts.append(Part(tuple(gathered)))
            gathered, left = [], room
        gathered.append(excerpt)
        left -= size
    return [*parts, Part(tuple(gathered))] if gathered else parts


def _excerpts(sections: Iterable[Passage], room: int) -> Iterator[Passage]:
    for section in sorted(sections, key=_importance):
        heading = section.heading[: tokens.characters(room // 4)]
        frame = _size(Passage(section.section_type, heading, ""))
        for text in _joined(_pieces(section.text, room - frame), room - frame):
            yield Passage(section.section_type, heading, text)


def _importance(section: Passage) -> int:
    return _IMPORTANCE.index(section.section_type) if section.section_type in _IMPORTANCE else len(_IMPORTANCE)


def _size(excerpt: Passage) -> int:
    return tokens.estimate(excerpt.heading) + tokens.estimate(excerpt.text) + _FRAME_TOKENS


def _pieces(text: str, room: int) -> Iterator[str]:
    """Yield the paragraphs; of one that has no room the sentences, and of such a sentence what fits."""
    for paragraph in filter(None, map(str.strip, text.split("\n"))):
        whole = tokens.estimate(paragraph) <= room
        for sentence in [paragraph] if whole else _SENTENCE_END.split(paragraph):
            step = len(sentence) if tokens.estimate(sentence) <= room else tokens.characters(room)
            yield from (sentence[start : start + step] for start in range(0, len(sentence), step or 1))


def _joined(pieces: Iterable[str], room: int) -> Iterator[str]:
    gathered: list[str] = []
    left = room
    for piece in pieces:
        size = tokens.estimate(piece) + 1
        if size > left and gathered:
            yield "\n".join(gathered)
            gathered, left = [], room
        gathered.append(piece)
        left -= size
    if gathered:
        yield "\n".join(gathered)


def share(parts: Sequence[Part], of: Sequence[Part]) -> float:
    """Return how much of the text of some parts others have, from 0 to 1."""
    return sum(part.characters for part in parts) / (sum(part.characters for part in of) or 1)
