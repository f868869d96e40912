"""Documents of a report: content of any supported kind as paragraphs of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser

from reports_worker.processor import DocumentError
from reports_worker.processors import (
    decoding,
    docx,
    errors,
    markup,
    media,
    paragraphs,
    pdf,
    plaintext,
    submission,
    typewriter,
)
from reports_worker.processors.media import Media
from reports_worker.processors.submission import Submission

MAX_BYTES = 52_428_800
_MANY_UNREADABLE = 20


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a report."""

    type: str
    """As a full submission says, such as `EX-99.1`; else empty."""
    exhibit: bool
    paragraphs: tuple[str, ...]
    tree: LexborHTMLParser | None = None
    """The tree of an inline XBRL document, which holds its facts."""


@dataclass(slots=True)
class Content:
    """A report's content after validation: its kind, and for markup and plain text its documents."""

    media: Media
    """Plain text also for a full submission, which holds documents of several kinds."""
    raw: bytes
    parts: Submission = field(default_factory=lambda: Submission((), ()))
    warnings: list[str] = field(default_factory=list)


def validate(content: bytes) -> Content:
    """Return what kind of content this is; raise DocumentError when it cannot be analysed at all."""
    if len(content) > MAX_BYTES:
        raise errors.too_large(len(content), MAX_BYTES)
    if not content.strip(b" \t\r\n\x00"):
        raise errors.empty()
    if media.is_pdf(content):
        return Content(Media.PDF, content)
    if media.is_archive(content):
        return Content(Media.DOCX, content)
    media.refuse_foreign(content)
    text = decoding.decode(content).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise errors.empty()
    parts = submission.split(text)
    kind = media.text_media(parts.parts[0].text) if len(parts.parts) == 1 else Media.TEXT
    validated = Content(kind, content, parts)
    unreadable = text.count("\ufffd")
    if unreadable >= _MANY_UNREADABLE:
        validated.warnings.append(f"{unreadable:,} characters could not be decoded and were left out.")
    return validated


def extract(content: Content) -> list[Document]:
    """Return the documents that hold the report's narrative; add to the content's warnings what is missing."""
    match content.media:
        case Media.PDF:
            found = [_pdf(content)]
        case Media.DOCX:
            found = [Document("", False, tuple(docx.read(content.raw)))]
        case _:
            found = list(_parts(content))
    if not found:
        raise errors.no_narrative()
    if sum(len(line) for document in found for line in document.paragraphs) > paragraphs.MAX_CHARACTERS:
        raise errors.limit_exceeded(f"more than {paragraphs.MAX_CHARACTERS:,} characters of text")
    return found


def _pdf(content: Content) -> Document:
    text = pdf.read(content.raw)
    if text.damaged_pages:
        content.warnings.append(f"{text.damaged_pages} pages could not be read: the analysis covers the others.")
    return Document("", False, text.paragraphs)


def _parts(content: Content) -> Iterator[Document]:
    for part in content.parts.parts:
        try:
            yield _document(part, content.warnings)
        except DocumentError as error:
            if not part.exhibit:
                raise
            content.warnings.append(f"{part.type} was not analysed. {error}")


def _document(part: submission.Part, warnings: list[str]) -> Document:
    kind = media.text_media(part.text) if part.text.strip() else Media.TEXT
    if kind is Media.TEXT:
        return Document(part.type, part.exhibit, tuple(plaintext.text_paragraphs(part.text)))
    unframed = typewriter.unframed(part.text)
    if unframed is not None and kind is Media.HTML:
        return Document(part.type, part.exhibit, tuple(plaintext.text_paragraphs(unframed)))
    if markup.is_cut_off(part.text):
        warnings.append("The document ends in the middle: the analysis covers what is there.")
    tree = markup.parse(part.text)
    lines = tuple(markup.text_paragraphs(tree))
    return Document(part.type, part.exhibit, lines, tree if kind is Media.IXBRL else None)
