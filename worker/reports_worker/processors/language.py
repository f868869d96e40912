"""Whether a text is in English."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FUNCTION_WORDS = frozenset(
    "the of and to that is for with by are from or be this which our we it not have has its will their other any these "
    "been than".split()
)
_LETTERS = re.compile(r"[^\W\d_]+")
_ENDS = (
    ".",
    "!",
    "?",
    ":",
    ";",
    '"',
    "”",
    "\u3002",
    "\uff01",
    "\uff1f",
    "\u0964",
    "\u061f",
)  # or foreign ones
_MIN_WORDS = 40
_MIN_SHARE = 0.13  # English prose has 0.2 to 0.4, other languages below 0.05
_SAMPLE_WORDS = 50_000
_SAMPLE_CHARACTERS = 500_000  # of one paragraph


def is_english(paragraphs: Iterable[str]) -> bool:
    """Return False for a text of other languages; one too short to tell counts as English."""
    words = 0
    english = 0
    for paragraph in paragraphs:
        if not paragraph.endswith(_ENDS):
            continue  # headings and tables have few function words in any language
        found = _LETTERS.findall(paragraph[:_SAMPLE_CHARACTERS].lower())
        words += len(found)
        english += sum(1 for word in found if word in _FUNCTION_WORDS)
        if words > _SAMPLE_WORDS:
            break
    return words < _MIN_WORDS or english >= _MIN_SHARE * words
