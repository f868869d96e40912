"""The media type that the first bytes of a document look like."""

from __future__ import annotations

import pytest

from reports_core.domain.media import sniff
from tests.support.office import docx_of

IXBRL = b'<?xml version="1.0"?><html xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"><body>'


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\n\n%PDF-1.4", "application/pdf"),
        (IXBRL, "application/xhtml+xml"),
        (b"<!DOCTYPE HTML><title>10-K</title>", "text/html"),
        (b"<DIV><P>Item 7.", "text/html"),
        ("<html><body>".encode("utf-16"), "text/html"),
        (b"ANNUAL REPORT\n\nTo our shareholders", "text/plain"),
        (b"", "text/plain"),
        (b"PK\x03\x04rest", "application/zip"),
        (docx_of(["A letter."]), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"\xd0\xcf\x11\xe0rest", "application/x-ole-storage"),
        (b"{\\rtf1", "application/rtf"),
        (b"\x89PNG\r\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"\x1f\x8b\x08", "application/gzip"),
    ],
)
def test_a_document_is_told_by_its_first_bytes(head: bytes, media_type: str) -> None:
    assert sniff(head) == media_type
