"""The outline of a document: where each of its sections begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reports_worker.processors import contents, exhibits, forms, headings, items
from reports_worker.processors.contents import Mark
from reports_worker.processors.exhibits import Part
from reports_worker.processors.forms import Form, SectionType
from reports_worker.processors.headings import Heading

_MIN_ITEMS = 3  # of a long form; fewer are mentions, not headings
_MAX_TITLE = 200
_MAX_COVER = 5_000  # characters
_MAX_UNTITLED = 10_000  # characters behind signatures that need no section of their own
_MAX_CANDIDATES = 20_000  # a filing has some dozens of headings, and with its mentions some hundreds
_SAMPLE = 300  # headings that show which form a document follows
_TITLE = re.compile(r"[A-Za-z]{3}.*[A-Za-z]{3}", re.DOTALL)
_CLOSING = re.compile(
    r"(?:yours )?(?:very )?(?:sincerely|faithfully|respectfully|truly|cordially)(?: yours)?,?"
    r"|(?:with )?(?:best|kind|warm|my best|sincere)?\s*(?:regards|wishes),?|on behalf of the board.{0,30}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A section's place: its heading starts at `first`, its text at `body`, and it ends before `end`."""

    heading: Heading
    first: int
    body: int
    end: int
    exhibit: int = 0
    """The number of the exhibit that it belongs to; 0 for the form."""


def of(lines: Sequence[str], form: str) -> list[Span]:
    """Return all sections in document order; what stands before the first item of a form is its cover and none."""
    spans: list[Span] = []
    for part in exhibits.divide(lines):
        spans += _of_part(lines, part, "" if part.exhibit else form)
    return spans


def _of_part(lines: Sequence[str], part: Part, form: str) -> Iterator[Span]:
    numbered = _items(lines, part, form)
    bare = contents.without_entries(_bare(lines, part), lines, part.end)
    openings = numbered or _opening(lines, part, bare)
    marks = list(_merged(lines, part, openings, bare, itemised=bool(numbered)))
    for number, mark in enumerate(marks):
        first = part.first if part.exhibit and not number else mark.position  # an exhibit begins at its label
        end = marks[number + 1].position if number + 1 < len(marks) else part.end
        yield Span(mark.heading, first, min(mark.after, end), end, part.exhibit)


def _items(lines: Sequence[str], part: Part, name: str) -> list[Mark]:
    """Return the headings of the items in a part, none when it is not divided into items."""
    candidates = [at for at in range(part.first, part.end) if items.may_begin(lines[at])][:_MAX_CANDIDATES]
    if not candidates:
        return []
    form = forms.known(name) or _likely(lines, candidates)
    found = contents.sections_only(_marks(lines, candidates, form), lines, part.end, form)
    least = 1 if form.name == "8-K" and name and not part.signed else _MIN_ITEMS
    if len(found.marks) < least:
        return []
    first = found.marks[0]
    if found.unheaded and sum(len(line) for line in lines[found.behind : first.position]) > _MAX_COVER:
        return [Mark(found.behind, replace(found.unheaded, rest="", paragraphs=0)), *found.marks]
    return found.marks


def _marks(lines: Sequence[str], candidates: Sequence[int], form: Form) -> list[Mark]:
    """Return all headings of items of `form`, those of tables of contents and mentions too."""
    marks: list[Mark] = []
    part = ""
    for position in candidates:
        part = items.part_of(lines[position]) or part
        heading = items.heading_at(lines, position, form, part)
        if heading is not None:
            marks.append(Mark(position, heading))
    return marks


def _likely(lines: Sequence[str], candidates: Sequence[int]) -> Form:
    """Return the form that knows most of the first titles."""

    def titles_known(form: Form) -> int:
        return sum(1 for mark in _marks(lines, candidates[:_SAMPLE], form) if mark.heading.is_known)

    return max(forms.load().values(), key=titles_known)


def _opening(lines: Sequence[str], part: Part, bare: Sequence[Mark]) -> list[Mark]:
    """Return what begins a document without items: its headline or else its title."""
    headline = exhibits.headline(lines, part)
    if headline is not None:
        heading = Heading(SectionType.OTHER, "", headline.text, headline.rest, headline.paragraphs)
        return [Mark(headline.position, heading)]
    if part.signed and _told(lines[part.first : bare[0].position if bare else part.end]) < _MAX_UNTITLED:
        return []
    return [_titled(lines, part, part.first)]


def _titled(lines: Sequence[str], part: Part, position: int) -> Mark:
    """Return the start of text that has no heading but the document's title."""
    title = next((lines[at] for at in range(part.first, part.end) if _TITLE.search(lines[at])), "")
    return Mark(position, Heading(SectionType.OTHER, "", " ".join(title.split())[:_MAX_TITLE], "", 0))


def _told(lines: Sequence[str]) -> int:
    """Return how many characters of running text there are, beside names and tables."""
    return sum(len(text) for text in lines if len(text) >= contents.PROSE and not text.isupper() and ". " in text)


def _merged(
    lines: Sequence[str], part: Part, marks: Sequence[Mark], bare: Sequence[Mark], *, itemised: bool
) -> Iterator[Mark]:
    """Yield the marks and between them headings without items; inside an item, only one of another kind of section."""
    given = {mark.position: mark for mark in marks}
    merged = sorted({**{mark.position: mark for mark in bare}, **given}.values(), key=lambda mark: mark.position)
    current: Mark | None = None
    for number, mark in enumerate(merged):
        if mark.position in given or _begins(mark.heading, current, itemised):
            current = mark
            yield mark
        if current is not None and current.heading.type is SectionType.CEO_LETTER:
            end = merged[number + 1].position if number + 1 < len(merged) else part.end
            behind = _behind_closing(lines, mark.after, end)
            if behind is not None:
                current = _titled(lines, part, behind)
                yield current


def _bare(lines: Sequence[str], part: Part) -> list[Mark]:
    found = []
    for position in range(part.first, part.end):
        line = lines[position]
        heading = None if headings.is_contents_entry(line) else headings.bare_heading(line)
        if heading is not None:
            found.append(Mark(position, heading))
    return found


def _begins(heading: Heading, current: Mark | None, itemised: bool) -> bool:
    if current is None:
        return not itemised or heading.type is SectionType.CEO_LETTER
    if heading.type is current.heading.type is SectionType.OTHER and headings.is_chapter(heading.text):
        return False
    if heading.type is SectionType.CEO_LETTER and headings.is_accounting(current.heading.text):
        return False  # an auditor's report is addressed to shareholders too
    if itemised and headings.opens_accounts(heading.text) and not headings.is_accounting(current.heading.text):
        return True
    if itemised and (heading.type is SectionType.OTHER or headings.is_accounting(current.heading.text)):
        return False
    return heading.type is not current.heading.type or (
        not itemised and heading.type is not SectionType.CEO_LETTER and heading.text != current.heading.text
    )


def _behind_closing(lines: Sequence[str], first: int, end: int) -> int | None:
    """Return where other text goes on behind the closing of a letter."""
    closed = None
    for position in range(first, end):
        if closed is None and _CLOSING.fullmatch(lines[position]):
            closed = position + 1
        elif closed is not None and len(lines[position]) >= contents.PROSE:
            return closed
    return None
