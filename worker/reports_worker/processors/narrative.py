"""The narrative of one section: what a reader reads, without tables, labels and formal text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reports_worker.processors import headings, paragraphs, scoring
from reports_worker.processors.forms import SectionType

MIN_CHARACTERS = 100
"""A section with less narrative than this is left out."""

_REFERENCE = re.compile(
    r"incorporated\b.{0,60}\bby reference|incorporated herein|in response to this item"
    r"|information (?:called for|required) by (?:this )?item",
    re.IGNORECASE,
)
_FORMAL = re.compile(
    rf"forward-looking statement|private securities litigation reform act|indicate by check ?mark"
    rf"|pursuant to the requirements of the securities|has duly caused this report to be signed"
    rf"|undertakes? no (?:obligation|duty) to (?:publicly )?(?:update|revise)|shall not be deemed [\"“']?filed"
    rf"|\bsection 18 of the securities exchange act|{_REFERENCE.pattern}",
    re.IGNORECASE,
)
_FORMAL_WORDS = (
    "forward-looking",
    "litigation reform",
    "check",
    "pursuant to the requirements",
    "duly caused",
    "undertake",
    "deemed",
    "section 18",
    "incorporated",
    "this item",
    "information required",
    "information called",
)
"""One of them is in every formal paragraph: to look for them costs a tenth of the pattern."""
_ELSEWHERE = re.compile(
    r"(?:\b(?:see|refer(?:ence is made)? to|please (?:see|read|refer)|(?:set forth|included|contained|found|presented"
    r"|discussed|described|disclosed|reported|appears?|appearing|provided|located|given)\b.{0,60}\b(?:in|under|on|at|from)\b)"
    r"|(?:no|not any) material changes? (?:to|in|from|since)|other than as (?:set forth|described|disclosed))"
    r".{0,250}\b(?:pages? [A-Z]?-?\d|annual report|caption|heading|proxy statement|exhibit \d|item \d|part i+\b|note \d"
    r"|note [A-Z]\b|form (?:10|20|40)-|section (?:entitled|titled|captioned)|entitled|titled)",
    re.IGNORECASE | re.DOTALL,
)
_MAX_FORMAL = 2_500  # characters: a longer paragraph says more than its formal sentence
_MAX_REFERRING = 1_200  # characters
_MAX_ELSEWHERE = 1_000
_MAX_POINTER = 300  # characters that a pointer says besides where the text is


@dataclass(slots=True)
class Narrative:
    """One section: its heading, and its sentences as paragraphs without tables, labels and formal text."""

    type: SectionType
    heading: str
    item: str = ""
    formal: bool = False
    """True to take in formal text as well, such as references and legends."""
    paragraphs: list[str] = field(default_factory=list)
    characters: int = 0
    refers: bool = False
    """True when a paragraph says that the text is elsewhere."""
    own_characters: int = 0
    """Characters of the paragraphs that refer to no other place."""

    @property
    def is_accounting(self) -> bool:
        """True for financial statements and their notes."""
        return headings.is_accounting(self.heading)

    @property
    def kind(self) -> str:
        """The kind that scoring knows: the section's type, or that of accounts."""
        return scoring.ACCOUNTS if self.is_accounting else self.type.value

    @property
    def is_pointer(self) -> bool:
        """True when the section's text is in another document."""
        return self.refers and self.own_characters < _MAX_POINTER

    def add(self, paragraph: str) -> None:
        """Take `paragraph` in if it is narrative."""
        formal = _is_formal(paragraph)
        refers = self.own_characters < _MAX_POINTER and _refers(paragraph)
        self.refers = self.refers or refers
        narrative = paragraphs.is_narrative(paragraph)
        if narrative and not refers:
            self.own_characters += len(paragraph)
        if formal and not self.formal:
            return
        if narrative or (self.formal and paragraphs.is_wordy(paragraph)):
            self.paragraphs.append(paragraph)
            self.characters += len(paragraph)

    def clear(self) -> None:
        """Forget the text, so that the words of a pointer are not taken for those that it points to."""
        self.paragraphs.clear()
        self.characters = 0


def _is_formal(paragraph: str) -> bool:
    if len(paragraph) >= _MAX_FORMAL:
        return False
    small = paragraph.lower()
    return any(words in small for words in _FORMAL_WORDS) and _FORMAL.search(paragraph) is not None


def _refers(paragraph: str) -> bool:
    if len(paragraph) > _MAX_REFERRING:
        return False
    if _REFERENCE.search(paragraph) is not None:
        return True
    return len(paragraph) <= _MAX_ELSEWHERE and _ELSEWHERE.search(paragraph) is not None
