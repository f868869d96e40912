"""The sections of a document and the narrative of each."""

from __future__ import annotations

from collections.abc import Sequence

from reports_worker.processors import forms, outline
from reports_worker.processors.forms import SectionType
from reports_worker.processors.narrative import Narrative

_MUST_BE_TOLD = frozenset({SectionType.MD_A, SectionType.RISK_FACTORS})


def find(lines: Sequence[str], form: str, *, formal: bool = False) -> tuple[list[Narrative], list[str]]:
    """Return all sections in document order, short ones included, and the exhibits that were left out."""
    narratives: list[Narrative] = []
    left_out: list[str] = []
    for span in outline.of(lines, form):
        if span.exhibit and span.exhibit not in forms.NARRATIVE_EXHIBITS:
            left_out.append(f"EX-{span.exhibit}")
            continue
        heading = span.heading
        narrative = Narrative(heading.type, heading.text, heading.item, formal)
        narrative.add(heading.rest)
        for position in range(span.body, span.end):
            narrative.add(lines[position])
        if narrative.type in _MUST_BE_TOLD and narrative.is_pointer and not formal:
            narrative.clear()
        narratives.append(narrative)
    return narratives, left_out
