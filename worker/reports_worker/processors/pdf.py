"""Documents in PDF: the text of their pages."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from reports_worker.processor import DocumentError
from reports_worker.processors import errors, inflation, paragraphs

_MAX_PAGES = 3_000
_MAX_SECONDS = 25.0  # 500 pages take two
_LITTLE_TEXT = 100  # characters: a stamp or a page number on a scan
_HYPHENATED = "\ufffe\r\n"  # how PDFium marks a word that a line break divides


@dataclass(frozen=True, slots=True)
class PdfText:
    """The paragraphs of all pages, and how many pages could not be read."""

    paragraphs: tuple[str, ...]
    damaged_pages: int


def read(content: bytes) -> PdfText:
    """Return the text of a PDF; an encrypted one opens when its user password is empty."""
    inflation.refuse_bombs(content)
    with _opened(content) as document:
        if len(document) > _MAX_PAGES:
            raise errors.limit_exceeded(f"more than {_MAX_PAGES:,} pages")
        pages = _Pages(document)
        lines = [line for page in _without_running_lines(list(pages.lines())) for line in page]
        if sum(map(len, lines)) < _LITTLE_TEXT and (pages.images or pages.damaged):
            raise _without_text(pages)
    return PdfText(tuple(paragraphs.clean(paragraphs.reflow(paragraphs.without_furniture(lines)))), pages.damaged)


class _Pages:
    """The pages of one open document, and what was seen on them."""

    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._document = document
        self.images = 0
        self.damaged = 0

    def lines(self) -> Iterator[list[str]]:
        """Yield the lines of each page."""
        total = 0
        deadline = time.monotonic() + _MAX_SECONDS
        for number in range(len(self._document)):
            text = self._text(number)
            total += len(text)
            if total > paragraphs.MAX_CHARACTERS:
                raise errors.limit_exceeded(f"more than {paragraphs.MAX_CHARACTERS:,} characters of text")
            if time.monotonic() > deadline:
                raise errors.limit_exceeded(f"pages that take more than {_MAX_SECONDS:g} seconds to read")
            yield [line for line in map(str.strip, text.replace(_HYPHENATED, "").splitlines()) if line]

    def _text(self, number: int) -> str:
        try:
            page = self._document[number]
        except pypdfium2.PdfiumError:
            self.damaged += 1
            return ""
        try:
            text: str = page.get_textpage().get_text_range()
            if len(text) < _LITTLE_TEXT:
                self.images += any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=4))
            return text
        except pypdfium2.PdfiumError:
            self.damaged += 1
            return ""
        finally:
            page.close()


def _without_running_lines(pages: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Drop a page's first and last line where they are, but for a number, those of most pages."""
    edges = Counter(_numberless(line) for page in pages for line in {*page[:1], *page[-1:]})
    running = {line for line, count in edges.items() if count > 1 and count >= len(pages) / 2}
    for page in pages:
        start = 1 if page and _numberless(page[0]) in running else 0
        end = len(page) - 1 if page[start:] and _numberless(page[-1]) in running else len(page)
        yield page[start:end]


def _numberless(line: str) -> str:
    return "".join(character for character in line if not character.isdigit())


def _opened(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
            raise errors.password_protected() from error
        raise errors.corrupt("PDF that no reader can open") from error


def _without_text(pages: _Pages) -> DocumentError:
    if pages.images:
        return errors.image_only()
    return errors.corrupt(f"{pages.damaged} of its PDF pages cannot be read")
