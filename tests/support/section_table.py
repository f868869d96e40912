"""The expected table of section boundaries, and how far an outline agrees with it."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reports_worker.processors import documents, forms, outline, sections
from reports_worker.processors.documents import Document
from reports_worker.processors.forms import SectionType
from reports_worker.processors.headings import Heading
from reports_worker.processors.outline import Span

TABLE = Path(__file__).parents[1] / "data" / "sections"

_LETTERS = re.compile(r"[^a-z0-9]+")
_OPENING = 80  # paragraphs within which a form names itself, as in the analysis
_NEAR = 400  # characters without spaces within which the text behind a heading starts
_NEXT = 40  # characters without spaces of that text that are compared
_TELLING = 16  # fewer, such as “None”, may be any place, and pages that repeat them are cleaned of them
_MOST = 0.85  # of a heading's letters
_END = 60
_TYPE = re.compile(rb"^<TYPE>[ \t]*(\S+)", re.MULTILINE)
_PART = re.compile(r"part [iv]+\b.{0,40}", re.IGNORECASE)  # no section, and left out of the table
_NO_SPAN = Span(Heading(SectionType.OTHER, "", ""), 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """A section as a reader of the filing found it; the item of the last row is `END`."""

    item: str
    type: str
    heading: str
    next: str
    pointer: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A section as the outline has it, in letters and digits only."""

    span: Span
    item: str
    heading: str
    opening: str
    """Its beginning with the heading, and for an exhibit with the label above it."""
    text: str
    """The beginning of what follows the heading."""
    behind: str
    """The beginning of what follows the section."""
    in_submission: bool = False
    """True for the start of an exhibit of a submission, which may be one that is not analysed."""


@dataclass(slots=True)
class Result:
    """How many rows of a filing the outline has right, and what is wrong with the others."""

    rows: int = 0
    right: int = 0
    misnamed: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)


def rows(name: str) -> list[Row]:
    """Read the table of the filing `name`."""
    with (TABLE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [
            Row(row["item"], row["type"], row["heading"], row["next"], row["pointer"] == "yes")
            for row in csv.DictReader(file)
        ]


def outlined(content: bytes, declared: str) -> list[Found]:
    """Return the outline of a filing."""
    validated = documents.validate(content)
    extracted = deque(documents.extract(validated))
    left_out = deque(validated.parts.left_out)
    found: list[Found] = []
    for kind in _TYPE.findall(content) or [b""]:
        if extracted and kind.decode().upper() == extracted[0].type:
            found += _of_document(extracted.popleft(), declared)
        elif left_out and kind.decode().upper() == left_out[0]:
            found.append(Found(_NO_SPAN, left_out.popleft(), "", "", "", "", in_submission=True))
    return found


def _of_document(document: Document, declared: str) -> Iterator[Found]:
    lines = document.paragraphs
    form = "" if document.exhibit else forms.form_of(lines[:_OPENING], declared)
    exhibit = document.type if document.exhibit else ""
    for number, span in enumerate(outline.of(lines, form)):
        named = f"EX-{span.exhibit}" if span.exhibit else ""
        yield Found(
            span,
            (exhibit if number == 0 else "") or named or span.heading.item,
            folded(span.heading.text),
            _text("", lines[span.first :]),
            _text(span.heading.rest, lines[span.body :]),
            _text("", lines[span.end :]),
            in_submission=document.exhibit and number == 0,
        )


def pointers(content: bytes, declared: str) -> dict[str, bool]:
    """Return for each item of a filing's form whether its section only refers to another place."""
    document = documents.extract(documents.validate(content))[0]
    narratives, _ = sections.find(document.paragraphs, forms.form_of(document.paragraphs[:_OPENING], declared))
    return {narrative.item: narrative.is_pointer for narrative in narratives if narrative.item}


def compare(expected: Sequence[Row], found: Sequence[Found]) -> Result:
    """Compare the sections found with those expected: a row is right when its start and its end are.

    A section that nobody expected cuts the one before it, whose end is then wrong.
    """
    starts = _matched(expected[:-1], found)
    result = Result()
    for number, row in enumerate(expected[:-1]):
        result.rows += 1
        at = starts[number]
        if at is None:
            result.misses.append(f"{_name(row)}: its start was not found")
            continue
        following = starts[number + 1] if number + 2 < len(expected) else None
        last = number + 2 == len(expected)
        if last and not _ends(found[at], expected[-1]):
            result.misses.append(f"{_name(row)}: ends before “{found[at].behind[:_END]}”")
        elif not last and following is None:
            result.misses.append(f"{_name(row)}: goes on where {_name(expected[number + 1])} begins")
        elif not last and following != at + 1:
            result.misses.append(f"{_name(row)}: is cut by “{found[at + 1].span.heading.text}”")
        else:
            result.right += 1
        if row.type != found[at].span.heading.type.value or not _same_item(row, found[at]):
            heading = found[at].span.heading
            result.misnamed.append(
                f"{_name(row)} as {heading.type.value}: found as {heading.item} {heading.type.value}"
            )
    return result


def folded(text: str) -> str:
    """Return the letters and digits of `text`, in small letters."""
    return _LETTERS.sub("", text.lower())


def _matched(expected: Sequence[Row], found: Sequence[Found]) -> list[int | None]:
    starts: list[int | None] = []
    at = 0
    for row in expected:
        match = next((number for number in range(at, len(found)) if _starts(row, found[number])), None)
        starts.append(match)
        at = at if match is None else match + 1
    return starts


def _starts(row: Row, section: Found) -> bool:
    if section.in_submission and row.item:  # which says itself where its documents begin
        return row.item == section.item
    following = folded(row.next)[:_NEXT]
    if row.item.startswith("EX-"):  # its label, its title or both may be called its heading
        begins = not section.item or section.item.startswith("EX-")
        return begins and folded(row.heading) in section.opening and following in section.opening
    return _same_heading(folded(row.heading), section.heading) and (
        len(following) < _TELLING or following in section.text
    )


def _same_heading(expected: str, found: str) -> bool:
    """Compare headings; one that lost a last word where the page ends still marks the place."""
    return expected == found or (len(found) >= _MOST * len(expected) and expected.startswith(found))


def _ends(section: Found, end: Row) -> bool:
    if section.behind.startswith((folded(end.heading), folded(end.next)[:_NEXT] or "\0")):
        return True
    return not end.next and not section.behind


def _same_item(row: Row, section: Found) -> bool:
    if section.item.startswith("EX-"):
        return row.item.startswith(section.item) or not row.item
    return folded(row.item) == folded(section.item)


def _name(row: Row) -> str:
    return f"{row.item} “{row.heading[:_END]}”"


def _text(rest: str, lines: Sequence[str]) -> str:
    text = folded(rest)
    for line in lines:
        if len(text) >= _NEAR:
            break
        if not _PART.fullmatch(line):
            text += folded(line)
    return text[:_NEAR]
