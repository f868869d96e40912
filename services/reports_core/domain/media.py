"""The media type of a document from its first bytes, for display before it is analysed."""

from __future__ import annotations

import re

_SIGNATURES = (
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
)
_ARCHIVE = b"PK\x03\x04"
_DOCX_PART = b"word/"  # how the names of its parts begin, the first of which stand near the start
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_IXBRL = re.compile(rb"http://www\.xbrl\.org/20\d\d/inlineXBRL")
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|div|p|font|table)\b", re.IGNORECASE)


def sniff(head: bytes) -> str:
    """Return the media type that the first few kilobytes of a document look like.

    A guess: the analysis, which reads the whole document, decides.
    """
    if head.startswith(_ARCHIVE) and _DOCX_PART in head:
        return _DOCX
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if _IXBRL.search(head):
        return "application/xhtml+xml"
    # NUL bytes: UTF-16 puts one beside every ASCII character.
    return "text/html" if _HTML.search(head.replace(b"\0", b"")) else "text/plain"
