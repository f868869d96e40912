"""Every document ends as an analysis or with a reason, in time and within memory, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fuzz.subject import Subject
from tests.support import hostile
from tests.unit.processors_documents import FILINGS

SECONDS = 30.0
OF_THE_MANIFEST = {
    "8k_walmart_1995_utf16.txt": "ANALYSED",
    "concatenated_four_10k_over_10mb.htm": "ANALYSED",
    "corrupted_stream.pdf": "ANALYSED",
    "cp1252.html": "NOT_ENGLISH",
    "deep_nesting.html": "LIMIT_EXCEEDED",
    "empty_0_bytes.txt": "EMPTY",
    "entity_expansion.xhtml": "NO_NARRATIVE",
    "evil_xobjects_cycle.pdf": "ANALYSED",
    "external_entity.xhtml": "NO_NARRATIVE",
    "flate_bomb_300mb.pdf": "LIMIT_EXCEEDED",
    "fuzzed_poppler_90.pdf": "ANALYSED",
    "giant_page_bomb.pdf": "NO_NARRATIVE",
    "html_named.pdf": "ANALYSED",
    "html_no_body.html": "ANALYSED",
    "not_english_mixed.txt": "NOT_ENGLISH",
    "nul_bytes_8k.txt": "ANALYSED",
    "password_owner_only.pdf": "NO_NARRATIVE",
    "password_protected_2.pdf": "PASSWORD_PROTECTED",
    "password_user.pdf": "PASSWORD_PROTECTED",
    "pdf_named.htm": "ANALYSED",
    "scan_image_only.pdf": "IMAGE_ONLY",
    "tables_only.pdf": "NO_NARRATIVE",
    "truncated_10k.pdf": "CORRUPT",
    "truncated_10q_mid_tag.htm": "ANALYSED",
    "utf16_bom.txt": "ANALYSED",
    "whitespace_only.txt": "EMPTY",
    "xref_missing.pdf": "NO_NARRATIVE",
}


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    """Give a process that may take 1 GiB of memory."""
    with Subject(SECONDS) as running:
        yield running


@pytest.mark.parametrize("name", hostile.names())
def test_a_hostile_document_ends_with_its_reason(name: str, subject: Subject) -> None:
    assert subject.execute(hostile.document(name)).outcome in hostile.outcomes(name)


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
@pytest.mark.parametrize("name", OF_THE_MANIFEST)
def test_a_hostile_filing_ends_as_its_manifest_suggests(name: str, subject: Subject) -> None:
    assert subject.execute((FILINGS / "hostile" / name).read_bytes()).outcome == OF_THE_MANIFEST[name]


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
def test_every_hostile_filing_is_tried() -> None:
    assert set(OF_THE_MANIFEST) == {path.name for path in (FILINGS / "hostile").iterdir()}
