"""The analysis of one report, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports_core.domain.analysis import Metric, ReportAnalysis, Section
from reports_worker.processors import (
    documents,
    errors,
    forms,
    ixbrl,
    language,
    lexicon,
    metrics,
    risks,
    scoring,
    sections,
    sentences,
    themes,
    tone,
)
from reports_worker.processors.documents import Document
from reports_worker.processors.forms import SectionType
from reports_worker.processors.lexicon import Lexicon
from reports_worker.processors.narrative import MIN_CHARACTERS, Narrative
from reports_worker.processors.sentences import Sentence
from reports_worker.processors.tone import Tone

MODEL_VERSION = "fna-lexicon/2"

_OPENING = 80  # paragraphs within which a form names itself
_LOW_CONFIDENCE = 0.7
_THEME_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class _Section:
    narrative: Narrative
    read: list[tuple[Sentence, Tone]]
    tone: Tone


def analyse(
    content: bytes, report_type: str, on_step: Callable[[str, float], None], lexicon_file: Path | None = None
) -> ReportAnalysis:
    """Return the analysis of a report.

    `report_type` is `10_K`, `10_Q`, `8_K`, `ANNUAL` or `OTHER`. `on_step(step, fraction)` is called at the start of
    each step with the fraction of the report done so far; what it raises passes through. `lexicon_file` is a
    user's own Loughran-McDonald master dictionary; see `lexicon.load`. Equal content gives an equal analysis.
    Raises DocumentError for a document that cannot be analysed, and for nothing else about it.
    """
    on_step("VALIDATION", 0.0)
    validated = documents.validate(content)
    on_step("TEXT_EXTRACTION", 0.05)
    found = documents.extract(validated)
    if not language.is_english(paragraph for document in found for paragraph in document.paragraphs):
        raise errors.not_english()
    warnings = validated.warnings
    on_step("IXBRL_PARSING", 0.4)
    financial_metrics = _metrics(found, warnings)
    on_step("SENTIMENT_ANALYSIS", 0.5)
    narratives = _narratives(found, report_type, validated.parts.left_out, warnings)
    words = lexicon.load(lexicon_file)
    read = [_read(narrative, words) for narrative in narratives]
    return _analysis(validated.media.value, read, words, financial_metrics, warnings)


def _metrics(found: Sequence[Document], warnings: list[str]) -> tuple[Metric, ...]:
    read: list[ixbrl.Fact] = []
    malformed = 0
    for document in found:
        if document.tree is not None:
            facts = ixbrl.read(document.tree)
            read += facts.read
            malformed += facts.malformed
    if malformed and read:
        warnings.append(f"{malformed:,} iXBRL tags are malformed: their facts were left out.")
    elif malformed:
        warnings.append("The iXBRL tags are malformed: only the text was used.")
    return metrics.choose(read)


def _narratives(
    found: Sequence[Document], report_type: str, exhibits_left_out: Sequence[str], warnings: list[str]
) -> list[Narrative]:
    """Return the sections with substantial text, and only where there is none, text that is mostly formal."""
    declared = forms.FORM_OF_REPORT_TYPE.get(report_type, "")
    named = ["" if document.exhibit else forms.form_of(document.paragraphs[:_OPENING], declared) for document in found]
    if declared and named[0] not in {declared, ""}:
        warnings.append(
            f"The document is a form {named[0]} and was registered as {declared}: it was read as {named[0]}."
        )
    for formal in (False, True):
        narratives: list[Narrative] = []
        left_out = list(exhibits_left_out)
        for document, form in zip(found, named, strict=True):
            of_document, exhibits = sections.find(document.paragraphs, form, formal=formal)
            narratives += of_document
            left_out += exhibits
        substantial = [narrative for narrative in narratives if narrative.characters >= MIN_CHARACTERS]
        if substantial:
            warnings += _section_warnings(narratives, left_out, formal)
            return substantial
    raise errors.no_narrative()


def _section_warnings(narratives: Sequence[Narrative], left_out: Sequence[str], formal: bool) -> list[str]:
    warnings: list[str] = []
    if formal:
        warnings.append("The document has little text of its own: its cover and references were analysed.")
    if left_out:
        names = ", ".join(dict.fromkeys(left_out))
        warnings.append(f"Exhibits that are agreements or certificates were not analysed: {names}.")
    pointers = [
        narrative
        for narrative in narratives
        if narrative.type in {SectionType.MD_A, SectionType.RISK_FACTORS} and narrative.is_pointer
    ]
    warnings += [f"“{pointer.heading}” only refers to another document: upload that one too." for pointer in pointers]
    return warnings


def _read(narrative: Narrative, words: Lexicon) -> _Section:
    read = [
        (sentence, tone.of_sentence(sentence, words))
        for paragraph in narrative.paragraphs
        for sentence in sentences.split(paragraph)
    ]
    return _Section(narrative, read, tone.total(said for _, said in read))


def _analysis(
    content_type: str,
    read: Sequence[_Section],
    lexical: Lexicon,
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
