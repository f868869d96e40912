"""What a processor is: the function that analyses the reports of a type, ours or one of another package.

A processor is found by entry point, in the group `fna_reports.processors` and under the report type that it is for; see
`docs/processors.md`. It runs in the analysis process, under that process' limits, one report at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports_core.domain.analysis import ReportAnalysis


class DocumentError(Exception):
    """The document itself is the cause: analysing it again gives the same answer.

    `reason` is stable upper-snake-case text for programs; `message` names the cause and the remedy, for users.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


OnStep = Callable[[str, float], None]
"""Called at the start of each step with its name and how far the report is, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The text of one analysed section."""

    section_type: str
    """`MD_A`, `CEO_LETTER`, `RISK_FACTORS` or `OTHER`."""
    heading: str
    text: str
    """Paragraphs, separated by line breaks."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What a processor makes of a report: its analysis, and the text for a model that reviews it, if there is one."""

    analysis: ReportAnalysis
    narrative: tuple[Passage, ...] = ()


Processor = Callable[[bytes, str, OnStep], Analysed]
"""Analyses the content of a report of a type such as `10_K`.

Raises DocumentError for a document that cannot be analysed; lets what `on_step` raises pass. Anything else
that it raises is a defect of the processor, and the attempt may be repeated.
"""
