"""Media types, found from the content and never from a file's name."""

from __future__ import annotations

import re
from enum import StrEnum

from reports_worker.processor import DocumentError
from reports_worker.processors import errors


class Media(StrEnum):
    """A kind of content that can be analysed; the value is its media type."""

    PDF = "application/pdf"
    IXBRL = "application/xhtml+xml"
    HTML = "text/html"
    TEXT = "text/plain"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


_FOREIGN_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"{\\rtf", "a Rich Text document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"%!PS", "a PostScript document"),
    (b"\x7fELF", "a program"),
)
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an empty one
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Names of streams in an OLE file, and what it is.
_OLE_KINDS = (
    ("WordDocument", "a Word document of the old format (.doc)"),
    ("Workbook", "an Excel workbook of the old format (.xls)"),
    ("PowerPoint Document", "a PowerPoint presentation of the old format (.ppt)"),
    ("__substg1.0_", "an Outlook message"),
)
_PDF_HEADER = re.compile(rb"%PDF-\d")
_PDF_HEADER_WITHIN = 1024  # readers accept junk before the header, and so must we
_MARKUP_WITHIN = 20_000
_CONTROL_SHARE = 0.1
_LONGEST_WORD = 59  # characters of an address, say; a line of encoded data is one word of 60 to 76

_IXBRL_NAMESPACE = re.compile(r"""["']http://www\.xbrl\.org/20\d\d/inlineXBRL["']""")
# Not `table`: plain-text filings mark their tables and pages with tags of that name.
_MARKUP = re.compile(r"<(?:!doctype\s+html|html|head|body|div|td|p|br|font|span|h[1-6]|center)\b", re.IGNORECASE)
_XML = re.compile(r"\s*<\?xml\b")
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")


def is_pdf(content: bytes) -> bool:
    return _PDF_HEADER.search(content[:_PDF_HEADER_WITHIN]) is not None and not is_archive(content)


def is_archive(content: bytes) -> bool:
    """Tell whether this is a ZIP archive, as DOCX and other Office documents are."""
    return content.startswith(_ARCHIVES)


def refuse_foreign(content: bytes) -> None:
    """Raise DocumentError for content that starts as a known type that is not analysed."""
    if content.startswith(_OLE):
        raise _of_ole(content)
    for signature, name in _FOREIGN_SIGNATURES:
        if content.startswith(signature):
            raise errors.unsupported_type(name)


def _of_ole(content: bytes) -> DocumentError:
    """Return what is wrong with an OLE file: today's Office documents are kept in one when they are encrypted."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        return errors.password_protected()
    kinds = (kind for stream, kind in _OLE_KINDS if stream.encode("utf-16-le") in content)
    return errors.unsupported_type(next(kinds, "an Office document of an old format"), "save it as DOCX or PDF")


def is_ixbrl(text: str) -> bool:
    return _IXBRL_NAMESPACE.search(text) is not None


def text_media(text: str) -> Media:
    """Return the kind of decoded content; raise DocumentError when it is no text at all."""
    sample = text[:_MARKUP_WITHIN]
    if len(_CONTROL_CHARACTERS.findall(sample)) > _CONTROL_SHARE * len(sample):
        raise errors.unsupported_type("binary data of an unknown type")
    if is_ixbrl(text):
        return Media.IXBRL
    if _MARKUP.search(sample):
        return Media.HTML
    if _XML.match(sample):
        raise errors.unsupported_type("an XML file without readable text")
    if sum(len(word) for word in sample.split() if len(word) > _LONGEST_WORD and word.isascii()) > len(sample) / 2:
        raise errors.unsupported_type("encoded data without words")
    return Media.TEXT
