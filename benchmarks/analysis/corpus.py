"""The documents of the benchmark: real filings by format, and one of them as DOCX."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from reports_worker.processors import documents
from reports_worker.processors.media import Media

_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_SUFFIXES = frozenset({".htm", ".html", ".txt", ".pdf", ".docx"})


@dataclass(frozen=True, slots=True)
class Document:
    """One document and its format."""

    name: str
    media: Media
    content: bytes

    @property
    def megabytes(self) -> float:
        return len(self.content) / 1e6


def read(folder: Path) -> list[Document]:
    """Return the documents of a folder by format and size, with the longest HTML once more as DOCX."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in _SUFFIXES]
    found = [_document(path.name, path.read_bytes()) for path in paths]
    longest = max((each for each in found if each.media is Media.HTML), key=lambda each: len(each.content))
    found.append(_document(f"{Path(longest.name).stem}.docx", as_docx(longest.content)))
    return sorted(found, key=lambda each: (each.media, len(each.content)))


def _document(name: str, content: bytes) -> Document:
    return Document(name, documents.validate(content).media, content)


def as_docx(content: bytes) -> bytes:
    """Return a document's paragraphs as a word-processing document."""
    (extracted, *_) = documents.extract(documents.validate(content))
    body = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{escape(paragraph)}</w:t></w:r></w:p>'
        for paragraph in extracted.paragraphs
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            f'<Override PartName="/word/document.xml" ContentType="{_WORD}"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_RELATIONSHIPS}">'
            f'<Relationship Id="r1" Type="{_OFFICE_DOCUMENT}" Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/document.xml", f'<w:document xmlns:w="{_NAMESPACE}"><w:body>{body}</w:body></w:document>'
        )
    return target.getvalue()
