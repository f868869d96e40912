"""The text of a document by the library alone, as short as its users write it."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

import pypdfium2
from selectolax.lexbor import LexborHTMLParser

from reports_worker.processors.media import Media

_TEXT = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"


def extract(media: Media, content: bytes) -> int:
    """Return the number of characters that the format's library finds."""
    match media:
        case Media.PDF:
            with pypdfium2.PdfDocument(content) as pdf:
                return sum(len(page.get_textpage().get_text_range()) for page in pdf)
        case Media.HTML | Media.IXBRL:
            return len(LexborHTMLParser(content).text())
        case Media.DOCX:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                root = ElementTree.fromstring(archive.read("word/document.xml"))  # noqa: S314 - of our own making
            return sum(len(node.text or "") for node in root.iter(_TEXT))
        case Media.TEXT:
            return len(content.decode("utf-8", errors="replace"))
