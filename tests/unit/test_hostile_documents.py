"""Every document ends as an analysis or with a reason, in time and within memory, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fuzz.subject import Subject
from tests.support import hostile
from tests.support.filings import FILINGS, HOSTILE_ENDS

SECONDS = 30.0


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    """Give a process that may take 1 GiB of memory."""
    with Subject(SECONDS) as running:
        yield running


@pytest.mark.parametrize("name", hostile.names())
def test_a_hostile_document_ends_with_its_reason(name: str, subject: Subject) -> None:
    assert subject.execute(hostile.document(name)).outcome in hostile.outcomes(name)


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
@pytest.mark.parametrize("name", HOSTILE_ENDS)
def test_a_hostile_filing_ends_as_its_manifest_suggests(name: str, subject: Subject) -> None:
    assert subject.execute((FILINGS / "hostile" / name).read_bytes()).outcome == HOSTILE_ENDS[name]


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
def test_every_hostile_filing_is_tried() -> None:
    assert set(HOSTILE_ENDS) == {path.name for path in (FILINGS / "hostile").iterdir()}
