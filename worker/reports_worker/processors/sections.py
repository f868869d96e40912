"""The sections of a document, found by their headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from reports_worker.processors import forms, paragraphs
from reports_worker.processors.forms import Heading, SectionType
from reports_worker.processors.narrative import MIN_CHARACTERS, Narrative

_CONTENTS_RUN = 3  # headings in a row without text between them are a table of contents
_KEY_LETTERS = 25
_MAX_COVER = 5_000  # characters
_LONG_FORMS = frozenset({"10-K", "10-Q", "20-F", "40-F"})
_MIN_ITEMS = 3  # of a long form; fewer are mentions, not headings
_MAX_TITLE = 200
_MAX_EXHIBIT_LINE = 40
_TITLE = re.compile(r"[A-Za-z]{3}.*[A-Za-z]{3}")
_SIGNATURES = re.compile(r"signatures?(?: page)?", re.IGNORECASE)
_EXHIBIT = re.compile(r"ex(?:hibit)?[\s-]+(?P<number>\d{1,3})(?:\.\d+)?[a-z]?\W*", re.IGNORECASE)
_CLOSING = re.compile(
    r"(?:yours )?(?:sincerely|faithfully|respectfully|truly)(?: yours)?,?|(?:best|kind|warm) regards,?", re.IGNORECASE
)


def find(lines: Sequence[str], form: str, *, formal: bool = False) -> tuple[list[Narrative], list[str]]:
    """Return all sections in document order, short ones included, and the exhibits that were left out."""
    narratives: list[Narrative] = []
    left_out: list[str] = []
    for exhibit, part in _parts(lines):
        if exhibit and exhibit not in forms.NARRATIVE_EXHIBITS:
            left_out.append(f"EX-{exhibit}")
        else:
            narratives += _sections(part, "" if exhibit else form, formal)
    return narratives, left_out


def _parts(lines: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Divide a file at the exhibits that follow its signatures; the number of the main document is 0."""
    exhibit, start, signed = 0, 0, False
    for position, line in enumerate(lines):
        signed = signed or _SIGNATURES.fullmatch(line) is not None
        match = _EXHIBIT.fullmatch(line) if signed and len(line) < _MAX_EXHIBIT_LINE else None
        if match and int(match["number"]) != exhibit:
            yield exhibit, lines[start:position]
            exhibit, start = int(match["number"]), position
    yield exhibit, lines[start:]


def _sections(lines: Sequence[str], form: str, formal: bool) -> list[Narrative]:
    """Return the sections of one document; text before the first item of a form is its cover and no section."""
    headings = [_item_heading(line, form) for line in lines]
    itemised = sum(1 for heading in headings if heading) >= (_MIN_ITEMS if form in _LONG_FORMS else 1)
    title = next((line.replace(paragraphs.CELL, " ") for line in lines if _TITLE.search(line)), "")[:_MAX_TITLE]
    found = [Narrative(SectionType.OTHER, title, formal=formal)]
    for line, item_heading in zip(lines, headings, strict=True):
        heading = item_heading if itemised and item_heading else _bare_heading(line, found[-1], itemised)
        if heading is None:
            found[-1].add(line)
            if found[-1].type is SectionType.CEO_LETTER and _CLOSING.fullmatch(line):
                found.append(Narrative(SectionType.OTHER, title, formal=formal))
        elif not _repeats(heading, found[-1]):
            found.append(Narrative(heading.type, heading.text, heading.item, formal))
            found[-1].add(heading.rest)
    return _without_contents(found[1:] if itemised and found[1:] else found, title)


def _repeats(heading: Heading, current: Narrative) -> bool:
    """Tell whether a page header says again where the reader is."""
    if heading.type is not current.type or heading.item != current.item:
        return False
    return heading.item != "" or heading.text == current.heading


def _item_heading(line: str, form: str) -> Heading | None:
    if not paragraphs.starts_item(line):
        return None
    return forms.item_heading(line, form)


def _bare_heading(line: str, current: Narrative, itemised: bool) -> Heading | None:
    """Return a heading without an item; inside an item, only one that begins another kind of section."""
    if len(line) > _MAX_TITLE or forms.is_contents_entry(line):
        return None
    heading = forms.bare_heading(line)
    if heading is None or (itemised and heading.type in {SectionType.OTHER, current.type}):
        return None
    return heading


def _without_contents(found: list[Narrative], title: str) -> list[Narrative]:
    """Drop the headings of a table of contents: they stand together and come again later.

    What follows the last of them is the cover, or the first item of a form that has no heading of its own: a long
    one is kept, under the heading that does not come again.
    """
    remaining = Counter(_key(section) for section in found)
    kept: list[Narrative] = []
    run = 0
    for section in found:
        remaining[_key(section)] -= 1
        short = section.characters < MIN_CHARACTERS or forms.is_contents_entry(section.heading)
        if section.item and remaining[_key(section)] and (short or run >= _CONTENTS_RUN):
            run += 1
            if section.characters > _MAX_COVER:
                section.heading = kept[0].heading if kept else title
                section.type, section.item = SectionType.OTHER, ""
                kept.append(section)
            continue
        run = run + 1 if short else 0
        kept.append(section)
    return kept


def _key(section: Narrative) -> tuple[str, str]:
    return section.item, re.sub(r"[^a-z]", "", section.heading.lower())[:_KEY_LETTERS]
