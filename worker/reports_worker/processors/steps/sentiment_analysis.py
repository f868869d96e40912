"""SENTIMENT_ANALYSIS: scores, themes and risk indicators of the narrative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports_core.domain.analysis import Metric, ReportAnalysis, Section
from reports_worker.processors import risks, scoring, sentences, themes, tone
from reports_worker.processors.forms import SectionType
from reports_worker.processors.lexicon import Lexicon
from reports_worker.processors.narrative import Narrative
from reports_worker.processors.sentences import Sentence
from reports_worker.processors.tone import Tone

MODEL_VERSION = "fna-lexicon/2"

_LOW_CONFIDENCE = 0.7
_THEME_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class _Section:
    narrative: Narrative
    read: list[tuple[Sentence, Tone]]
    tone: Tone


def run(
    narratives: Sequence[Narrative],
    words: Lexicon,
    content_type: str,
    financial_metrics: tuple[Metric, ...],
    warnings: Sequence[str],
) -> ReportAnalysis:
    """Return the analysis of a report's narrative; equal narratives give equal scores, to the last digit."""
    read = [_read(narrative, words) for narrative in narratives]
    return _analysis(read, words, content_type, financial_metrics, warnings)


def _read(narrative: Narrative, words: Lexicon) -> _Section:
    read = [
        (sentence, tone.of_sentence(sentence, words))
        for paragraph in narrative.paragraphs
        for sentence in sentences.split(paragraph)
    ]
    return _Section(narrative, read, tone.total(said for _, said in read))


def _analysis(
    read: Sequence[_Section],
    lexical: Lexicon,
    content_type: str,
    financial_metrics: tuple[Metric, ...],
    warnings: Sequence[str],
) -> ReportAnalysis:
    indicators = risks.find(_passages(read), lexical)
    tones = scoring.by_kind((section.narrative.kind, section.tone) for section in read)
    scores = scoring.of_report(tones, risks.gravity(indicators))
    words = sum(int(section.tone.words) for section in read)
    weakest = min(scores.optimism.confidence, scores.risk.confidence, scores.uncertainty.confidence)
    if weakest < _LOW_CONFIDENCE:
        warnings = [*warnings, f"The narrative is short or neutral ({words:,} words): some scores have low confidence."]
    return ReportAnalysis(
        model_version=MODEL_VERSION + lexical.mark,
        content_type=content_type,
        word_count=words,
        optimism=scores.optimism,
        risk=scores.risk,
        uncertainty=scores.uncertainty,
        key_themes=themes.find(_themed(read)),
        risk_indicators=indicators,
        sections=tuple(_scored(section) for section in read),
        financial_metrics=financial_metrics,
        warnings=tuple(warnings),
    )


def _passages(read: Sequence[_Section]) -> Iterator[risks.Passage]:
    for section in read:
        among_risk_factors = section.narrative.type is SectionType.RISK_FACTORS
        for sentence, said in section.read:
            yield risks.Passage(sentence, said, among_risk_factors)


def _scored(section: _Section) -> Section:
    scores = scoring.of_section(section.tone)
    return Section(
        type=section.narrative.type.value,
        heading=section.narrative.heading,
        word_count=int(section.tone.words),
        optimism=scores.optimism,
        risk=scores.risk,
        uncertainty=scores.uncertainty,
    )


def _themed(read: Sequence[_Section]) -> list[Sentence]:
    """Return the sentences to find themes in: not the notes to the accounts, where there is enough besides them."""
    told = [section for section in read if not section.narrative.is_accounting]
    if sum(section.tone.words for section in told) < _THEME_WORDS:
        told = list(read)
    return [sentence for section in told for sentence, _ in section.read]
