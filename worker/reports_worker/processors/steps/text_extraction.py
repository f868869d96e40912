"""TEXT_EXTRACTION: the documents of a report and the sections of their narrative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports_worker.processors import documents, errors, forms, language, sections
from reports_worker.processors.documents import Content, Document
from reports_worker.processors.forms import SectionType
from reports_worker.processors.narrative import MIN_CHARACTERS, Narrative

_OPENING = 80  # paragraphs within which a form names itself


@dataclass(frozen=True, slots=True)
class Text:
    """What was extracted from a report."""

    documents: list[Document]
    narratives: list[Narrative]
    """The sections with substantial text, in document order."""


def run(content: Content, report_type: str) -> Text:
    """Return the text of a report; add to the content's warnings what is missing or doubtful.

    Raises DocumentError when there is no English narrative, or the content is damaged.
    """
    found = documents.extract(content)
    if not language.is_english(paragraph for document in found for paragraph in document.paragraphs):
        raise errors.not_english()
    return Text(found, _narratives(found, report_type, content.parts.left_out, content.warnings))


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
