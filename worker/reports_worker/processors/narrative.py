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
_MAX_FORMAL = 2_500  # characters: a longer paragraph says more than its formal sentence
_MAX_POINTER = 1_500


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
        return self.refers and self.characters < _MAX_POINTER

    def add(self, paragraph: str) -> None:
        """Take `paragraph` in if it is narrative."""
        formal = len(paragraph) < _MAX_FORMAL and _FORMAL.search(paragraph) is not None
        self.refers = self.refers or (formal and _REFERENCE.search(paragraph) is not None)
        if formal and not self.formal:
            return
        if paragraphs.is_narrative(paragraph) or (self.formal and paragraphs.is_wordy(paragraph)):
            self.paragraphs.append(paragraph)
            self.characters += len(paragraph)
