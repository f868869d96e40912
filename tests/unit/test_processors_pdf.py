"""Text of PDF documents."""

from __future__ import annotations

import zlib

import pytest

from reports_worker.processor import DocumentError
from reports_worker.processors import paragraphs
from reports_worker.processors import pdf as reader
from tests.unit.processors_documents import SAMPLES, analysed, pdf

LINES = [
    "The company sold more machines than in the year before, and its customers",
    "paid sooner. The plant ran without any interruption.",
]
IMAGE = (
    "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\n"
    "stream\n0\nendstream"
)


def test_lines_of_a_page_become_paragraphs() -> None:
    assert reader.read(pdf([LINES])).paragraphs == (" ".join(LINES),)


def test_a_word_divided_by_a_line_break_is_whole_again() -> None:
    assert reader.read(
        pdf([["The plant ran without any inter-", "ruption, and customers paid sooner."]])
    ).paragraphs == ("The plant ran without any interruption, and customers paid sooner.",)


def test_soft_hyphens_and_ligatures_are_written_as_letters() -> None:
    assert paragraphs.clean(["The o\ufb03ce con\u00adfirmed the \ufb01gures."]) == ["The office confirmed the figures."]


def test_an_image_may_be_large_and_a_page_may_not() -> None:
    packed = zlib.compress(bytes(20_000_000))
    dictionary = f"/Filter /FlateDecode /Length {len(packed)} >>\nstream\n{packed.decode('latin-1')}\nendstream"
    image = f"<< /Type /XObject /Subtype /Image /Width 5000 /Height 4000 /BitsPerComponent 8 {dictionary}"
    assert reader.read(pdf([LINES], extra=image)).paragraphs == (" ".join(LINES),)
    with pytest.raises(DocumentError) as refused:
        reader.read(pdf([LINES], extra=f"<< {dictionary}"))
    assert refused.value.reason == "LIMIT_EXCEEDED"


def test_running_headers_and_footers_do_not_break_sentences() -> None:
    first = ["Acme Report 2024", *LINES, "A sentence that begins on the first page and that goes on to", "Page 1"]
    second = ["Acme Report 2024", "the second page.", "Page 2"]
    text = " ".join(reader.read(pdf([first, second])).paragraphs)
    assert "Acme" not in text
    assert text.endswith("goes on to the second page.")


def test_a_sample_in_pdf_keeps_its_headings() -> None:
    text = reader.read((SAMPLES / "marlow_10k_fy2024.pdf").read_bytes()).paragraphs
    assert "Item 1A. Risk Factors" in text
    assert "Credit quality" in text


def test_pages_of_images_alone_are_a_scan() -> None:
    with pytest.raises(DocumentError, match="OCR") as refused:
        analysed(pdf([["7"], []], extra=IMAGE))
    assert refused.value.reason == "IMAGE_ONLY"


def test_pages_without_anything_have_no_narrative() -> None:
    with pytest.raises(DocumentError) as refused:
        analysed(pdf([[]]))
    assert refused.value.reason == "NO_NARRATIVE"


def test_a_document_that_needs_a_password_says_so() -> None:
    secret = "00" * 32
    locked = (
        f"/ID [<{'00' * 16}><{'00' * 16}>] "
        f"/Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <{secret}> /U <{secret}> >>"
    )
    with pytest.raises(DocumentError, match="remove the password") as refused:
        analysed(pdf([LINES], trailer=locked))
    assert refused.value.reason == "PASSWORD_PROTECTED"


def test_a_truncated_document_is_corrupt() -> None:
    whole = (SAMPLES / "quillfeather_annual_fy2023.pdf").read_bytes()
    with pytest.raises(DocumentError) as refused:
        analysed(whole[:400])
    assert refused.value.reason == "CORRUPT"
