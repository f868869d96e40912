"""The analysis of one report, step by step."""

from __future__ import annotations

from pathlib import Path

from reports_worker.processor import Analysed, OnStep, Passage
from reports_worker.processors import lexicon
from reports_worker.processors.narrative import Narrative
from reports_worker.processors.steps import ixbrl_parsing, sentiment_analysis, text_extraction, validation

MODEL_VERSION = sentiment_analysis.MODEL_VERSION


def analyse(content: bytes, report_type: str, on_step: OnStep, lexicon_file: Path | None = None) -> Analysed:
    """Return the analysis of a report, with the narrative that it is of.

    `report_type` is `10_K`, `10_Q`, `8_K`, `ANNUAL` or `OTHER`. `on_step(step, fraction)` is called at the start of
    each step with the fraction of the report done so far; what it raises passes through. `lexicon_file` is a
    user's own Loughran-McDonald master dictionary; see `lexicon.load`. Equal content gives an equal analysis.
    Raises DocumentError for a document that cannot be analysed, and for nothing else about it.
    """
    on_step("VALIDATION", 0.0)
    validated = validation.run(content)
    on_step("TEXT_EXTRACTION", 0.05)
    text = text_extraction.run(validated, report_type)
    on_step("IXBRL_PARSING", 0.5)
    metrics = ixbrl_parsing.run(text.documents, validated.warnings)
    on_step("SENTIMENT_ANALYSIS", 0.6)
    analysis = sentiment_analysis.run(
        text.narratives, lexicon.load(lexicon_file), validated.media.value, metrics, validated.warnings
    )
    return Analysed(analysis, tuple(map(_passage, text.narratives)))


def _passage(narrative: Narrative) -> Passage:
    return Passage(narrative.type.value, narrative.heading, "\n".join(narrative.paragraphs))
