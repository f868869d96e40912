"""Headings that begin no section: those of tables of contents, of pages that repeat them, and mentions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reports_worker.processors import headings
from reports_worker.processors.forms import Form
from reports_worker.processors.headings import Heading

_MIN_RUN = 3  # headings without text between them that make a table of contents
_MIN_INDEX = 6  # of an index to a report that does not follow the form's items
_RECUR = 0.6  # of a table's entries come again as headings
_ENTRIES = 0.5  # of an index's headings have page numbers
PROSE = 100  # characters of a paragraph that is no label or entry


@dataclass(frozen=True, slots=True)
class Mark:
    """A heading and the paragraph where it stands."""

    position: int
    heading: Heading

    @property
    def after(self) -> int:
        """The position of the first paragraph behind the heading."""
        return self.position + self.heading.paragraphs


@dataclass(frozen=True, slots=True)
class Found:
    """The headings that begin sections, and what the tables of contents told besides."""

    marks: list[Mark]
    behind: int
    """The position behind the last table of contents."""
    unheaded: Heading | None
    """The entry of an item that comes before the first heading, and has none of its own."""


def sections_only(marks: Sequence[Mark], lines: Sequence[str], end: int, form: Form) -> Found:
    """Return the headings among `marks` that begin sections."""
    later = Counter(mark.heading.item for mark in marks)
    entries: list[Mark] = []
    kept: list[Mark] = []
    for run in _runs(marks, lines, end, form):
        later.subtract(mark.heading.item for mark in run)
        if _is_table(run, later, lines) or _is_index(run, marks, lines):
            entries += run
        else:
            kept += run
    kept = _without_mentions(_without_repeats(kept), form)
    behind = entries[-1].after if entries else 0
    if not kept or behind > kept[0].position:
        return Found(kept, 0, None)
    unheaded = [mark.heading for mark in entries if 0 <= _rank(mark, form) < _rank(kept[0], form)]
    return Found(kept, behind, unheaded[-1] if unheaded else None)


def without_entries(marks: Sequence[Mark], lines: Sequence[str], end: int) -> list[Mark]:
    """Drop headings without items that have no text before the next and come again later."""
    later = Counter(mark.heading.text.lower() for mark in marks)
    kept: list[Mark] = []
    for number, mark in enumerate(marks):
        later[mark.heading.text.lower()] -= 1
        following = marks[number + 1].position if number + 1 < len(marks) else end
        if not later[mark.heading.text.lower()] or _has_prose(lines, mark.after, following):
            kept.append(mark)
    return kept


def _runs(marks: Sequence[Mark], lines: Sequence[str], end: int, form: Form) -> list[list[Mark]]:
    """Divide the marks where text follows one, and where the items start again."""
    runs: list[list[Mark]] = []
    divided = True
    for number, mark in enumerate(marks):
        if divided or _rank(runs[-1][-1], form) >= _rank(mark, form):
            runs.append([])
        runs[-1].append(mark)
        following = marks[number + 1].position if number + 1 < len(marks) else end
        divided = len(mark.heading.rest) >= PROSE or _has_prose(lines, mark.after, following)
    return runs


def _has_prose(lines: Sequence[str], first: int, end: int) -> bool:
    return any(
        len(lines[position]) >= PROSE and not headings.is_contents_entry(lines[position])
        for position in range(first, end)
    )


def _is_table(run: Sequence[Mark], later: Counter[str], lines: Sequence[str]) -> bool:
    recurring = sum(1 for mark in run if later[mark.heading.item] > 0)
    if len(run) >= _MIN_RUN:
        return recurring >= _RECUR * len(run)
    return recurring == len(run) and all(_is_entry(mark, lines) for mark in run)


def _is_index(run: Sequence[Mark], marks: Sequence[Mark], lines: Sequence[str]) -> bool:
    """Tell whether this is a table that says on which pages the items of a form stand in an annual report."""
    if len(run) < _MIN_INDEX or 2 * len(run) < len(marks):
        return False
    return sum(1 for mark in run if _is_entry(mark, lines)) >= _ENTRIES * len(run)


def _is_entry(mark: Mark, lines: Sequence[str]) -> bool:
    if headings.is_contents_entry(lines[mark.after - 1]):
        return True
    return mark.after < len(lines) and headings.is_page_number(lines[mark.after])


def _without_repeats(marks: Sequence[Mark]) -> list[Mark]:
    """Drop the headings by which a page says again where the reader is."""
    return [
        mark
        for number, mark in enumerate(marks)
        if not number or not mark.heading.item or mark.heading.item != marks[number - 1].heading.item
    ]


def _without_mentions(marks: Sequence[Mark], form: Form) -> list[Mark]:
    """Drop a heading out of order between two that are in order: a sentence that happens to start with an item.

    A heading with the item's own title that comes only once stays: some filers change the order.
    """
    times = Counter(mark.heading.item for mark in marks)
    kept: list[Mark] = []
    for number, mark in enumerate(marks):
        before = _rank(kept[-1], form) if kept else -1
        after = _rank(marks[number + 1], form) if number + 1 < len(marks) else len(form.order)
        rank = _rank(mark, form)
        ordered = rank < 0 or before > after or before <= rank <= after
        if ordered or form.name == "8-K" or (mark.heading.is_known and times[mark.heading.item] == 1):
            kept.append(mark)
    return kept


def _rank(mark: Mark, form: Form) -> int:
    return form.order.get(mark.heading.item.removesuffix("(T)"), -1)
