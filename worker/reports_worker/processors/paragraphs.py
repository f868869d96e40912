"""Paragraphs of a document: made whole again from wrapped lines, cleaned, and told apart from table rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from reports_worker.processors import errors

MAX_CHARACTERS = 6_000_000
"""Of a report without its blanks; the longest annual reports have a tenth of it."""
CELL = "\t"
"""Separates the cells of a table row; stands nowhere else in a paragraph."""

_INVISIBLE: dict[int, str | None] = {ord(character): None for character in "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufffe"}
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_CLEANED = _INVISIBLE | _LIGATURES
_UNCLEAN = re.compile(f"[{''.join(map(chr, _CLEANED))}]")
_BULLET = re.compile(r"[•●▪■◦‣∙·*]\s*|[-–—]\s+|\(?(?:[ivx]{1,4}|[a-z]|\d{1,2})[.)]\s")
_ITEM = re.compile(
    r"(?:part\s+[iv]+\b(?!\s*,?\s+of\b)|items?\s*\d{1,2}(?:\.\d\d)?\s?(?:[a-c]\b)?(?!\d|\s*(?:of|in|and|to|or|above|below)\b|\s*[,”\"]))",
    re.IGNORECASE,
)
_EXHIBIT = re.compile(r"ex(?:hibit)?[\s-]+\d", re.IGNORECASE)
_TERMINAL = (".", "!", "?", ":", ";", ".”", '."', ".)", "!”", "?”", ".’", "—")
_LABEL = re.compile(r"(?:[A-Z][\w’'.-]*|&|and|of|the|for|in|to)(?: (?:[A-Z][\w’'.-]*|&|and|of|the|for|in|to)){1,9}")
_OPEN = re.compile(r"(?:\b(?:and|of|or|in|on|for|with|to|the|a|an|by|from|at)|[,&-])$", re.IGNORECASE)
_NUMERIC = re.compile(r"(?<!\S)(?:[$€£(]*[-–—]?\d[\d,./]*\)?%?\)?|[-–—$€£%]+|\(?\d+\)?)(?!\S)")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]+")
_DIGITS = re.compile(r"\d+")
_SPACED_COLUMNS = re.compile(r"\S {3,}(?=\S)|\.{4,}")

_MAX_LINES = 1_000_000  # the text of 500 pages has 30,000
_FULL_LINE = 0.75  # of the usual line length: the paragraph goes on after a line this long
_SHORT_LINE = 0.55
_WRAPPED = range(50, 120)  # characters of a line that a typewriter-like layout wraps
_PROSE_WORDS = 8
_TABLE_SHARE = 0.4
_FURNITURE_LENGTH = 120
_FURNITURE_REPEATS = 5


def refuse_long(text: str) -> None:
    """Raise DocumentError for more text than any report has, before much is done with it."""
    if len(text) - text.count(" ") - text.count("\n") > MAX_CHARACTERS:
        raise errors.limit_exceeded(f"more than {MAX_CHARACTERS:,} characters of text")


def clean(lines: Iterable[str]) -> list[str]:
    """Return paragraphs without invisible characters, ligatures, page furniture and breaks within a sentence."""
    tidy = (CELL.join(" ".join(cell.split()) for cell in _visible(line).split(CELL)) for line in lines)
    return _rejoined([line for line in without_furniture(list(tidy)) if line.strip()])


def _visible(line: str) -> str:
    # Translating takes as long as all else that is done with a line, and hardly any needs it.
    return line.translate(_CLEANED) if _UNCLEAN.search(line) else line


def reflow(lines: Sequence[str]) -> list[str]:
    """Return the paragraphs of text whose lines are wrapped; a blank line always ends a paragraph."""
    if len(lines) > _MAX_LINES:
        raise errors.limit_exceeded(f"more than {_MAX_LINES:,} lines")
    usual = _usual_length(lines)
    joined: list[list[str]] = []  # lists, as adding to a long text again and again takes the square of its length
    open_line = ""  # the last line of the paragraph that may go on
    for raw in lines:
        line = raw.strip()
        if not line or is_table_row(line):
            if line:
                joined.append([_SPACED_COLUMNS.sub(lambda gap: gap[0].rstrip() + CELL, line)])
            open_line = ""
            continue
        if open_line and _continues(open_line, line, usual):
            joined[-1].append(line)
        else:
            joined.append([line])
        open_line = line
    return [" ".join(paragraph) for paragraph in joined]


def without_furniture(lines: Sequence[str]) -> list[str]:
    """Drop page headers, footers and page numbers: short lines that return again and again but for their number."""
    patterns = [_DIGITS.sub("0", line) if _may_be_furniture(line) else "" for line in lines]
    repeats = Counter(patterns)
    return [
        line
        for line, pattern in zip(lines, patterns, strict=True)
        if not pattern or (repeats[pattern] < _FURNITURE_REPEATS and _WORD.search(line))
    ]


def is_table_row(paragraph: str) -> bool:
    """Tell whether this is a line of figures, with or without marked cells."""
    numeric = len(_NUMERIC.findall(paragraph))
    if CELL in paragraph or _SPACED_COLUMNS.search(paragraph):
        return numeric > 0 and len(_WORD.findall(paragraph)) < 25
    return numeric >= 2 and numeric >= _TABLE_SHARE * len(paragraph.split())


def is_narrative(paragraph: str) -> bool:
    """Tell whether a reader would read this: sentences or a bullet point, no heading, label or figures."""
    words = len(_WORD.findall(paragraph))
    if words < 3 or is_table_row(paragraph):
        return False
    if words >= 12 or _BULLET.match(paragraph):
        return True
    return words >= 5 and paragraph.endswith(_TERMINAL)


def is_wordy(paragraph: str) -> bool:
    """Tell whether this has a dozen words, a label or a table row too."""
    return len(_WORD.findall(paragraph)) >= 12


def starts_item(paragraph: str) -> bool:
    """Tell whether this may be the heading of a part or an item of a form."""
    return _ITEM.match(paragraph) is not None


def _usual_length(lines: Sequence[str]) -> int:
    lengths = sorted(len(line.strip()) for line in lines if line.strip())
    return lengths[int(0.9 * (len(lengths) - 1))] if lengths else 0


def _continues(previous: str, line: str, usual: int) -> bool:
    if starts_item(line) or _BULLET.match(line):
        return False
    ended = previous.endswith(_TERMINAL)
    if not ended and line[0].islower():
        return True
    if starts_item(previous):
        return False
    if len(previous) < _FULL_LINE * usual:
        return False
    return not ended or len(line) > _SHORT_LINE * usual or line.endswith(_TERMINAL)


def _may_be_furniture(line: str) -> bool:
    if not line or starts_item(line) or _EXHIBIT.match(line):
        return False
    return len(line) <= _FURNITURE_LENGTH and not line.endswith((".", ":", "?"))


def _rejoined(lines: list[str]) -> list[str]:
    """Join what a page break or a typewriter-like layout has torn within a sentence."""
    joined: list[list[str]] = []
    for line in lines:
        if joined and _torn(joined[-1][-1], line):
            joined[-1].append(line)
        else:
            joined.append([line])
    return [" ".join(paragraph) for paragraph in joined]


def _torn(previous: str, line: str) -> bool:
    if previous.endswith(_TERMINAL) or CELL in previous or CELL in line:
        return False
    if starts_item(line) or _BULLET.match(line) or is_table_row(previous):
        return False
    if starts_item(previous):
        return line[0].islower()
    words = len(_WORD.findall(previous))
    wrapped = len(previous) in _WRAPPED and not (_LABEL.fullmatch(line) and not _OPEN.search(previous))
    return words >= _PROSE_WORDS and (line[0].islower() or wrapped)
