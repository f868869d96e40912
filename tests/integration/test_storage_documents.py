"""The store of documents: whole and once under their digest, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports_core.storage.documents import DocumentStore
from tests.support.storage import digest


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def keep(store: DocumentStore, *chunks: bytes) -> str:
    with store.open() as document:
        for chunk in chunks:
            document.write(chunk)
        document.keep()
        return document.sha256


def test_what_was_kept_is_read_under_its_digest(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path / "made" / "when" / "missing")
    assert keep(store, b"Item 7.", b" Management's discussion") == digest(b"Item 7. Management's discussion")
    assert store.read(digest(b"Item 7. Management's discussion")) == b"Item 7. Management's discussion"


def test_a_document_is_invisible_until_it_is_kept(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    with store.open() as document:
        document.write(b"x" * 100_000)
        with pytest.raises(FileNotFoundError):
            store.read(document.sha256)
        document.keep()
        assert store.read(document.sha256) == b"x" * 100_000


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    with store.open() as document:
        document.write(b"half a filing")
    assert files(tmp_path) == []


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def broken_off() -> None:
        with DocumentStore(tmp_path).open() as document:
            document.write(b"half a filing")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        broken_off()
    assert files(tmp_path) == []


def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    first, second = keep(store, b"same"), keep(store, b"sa", b"me")
    assert first == second
    assert files(tmp_path) == [f"{first[:2]}/{first}"]


def test_a_document_counts_its_bytes_and_remembers_its_head(tmp_path: Path) -> None:
    with DocumentStore(tmp_path).open() as document:
        for _ in range(5):
            document.write(b"0123456789" * 1000)
        assert document.size_bytes == 50_000
        assert document.head == (b"0123456789" * 5000)[:16384]


def test_a_kept_document_is_readable_for_the_group_and_nobody_else(tmp_path: Path) -> None:
    sha256 = keep(DocumentStore(tmp_path), b"content")
    assert (tmp_path / sha256[:2] / sha256).stat().st_mode & 0o777 == 0o640
