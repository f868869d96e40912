"""The store of documents: whole, verified and once under their digest, or not at all; the same wherever it is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reports_core.locations import RemoteUrl
from reports_core.storage.document_stores import document_store
from reports_core.storage.documents import DocumentDamaged, DocumentMissing, DocumentStore, DocumentsUnavailable
from reports_core.storage.local_documents import LocalDocuments
from reports_core.storage.remote_documents import RemoteDocuments
from reports_core.storage.remote_place import RemotePlace
from tests.support.document_places import BucketPlace, DocumentPlace, FolderPlace, ServerPlace
from tests.support.object_store import Bucket, ObjectStore
from tests.support.storage import digest
from tests.support.waiting import eventually

MIB = 1024 * 1024
LARGE = bytes(range(256)) * 4096 * 12
"""Twelve mebibytes: more than two parts of an upload."""


@pytest.fixture(params=["folder", "object store", "file server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> DocumentPlace:
    match request.param:
        case "folder":
            return FolderPlace(tmp_path / "made" / "when" / "missing")
        case "file server":
            return ServerPlace(tmp_path / "mounted")
        case _:
            return BucketPlace(request.getfixturevalue("bucket"))


@pytest.fixture
def store(place: DocumentPlace) -> DocumentStore:
    return document_store(place.location)


def keep(store: DocumentStore, *chunks: bytes) -> str:
    with store.open() as document:
        for chunk in chunks:
            document.write(chunk)
        document.keep()
        return document.sha256


def name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


def test_what_was_kept_is_read_under_its_digest(store: DocumentStore, place: DocumentPlace) -> None:
    sha256 = keep(store, b"Item 7.", b" Management's discussion")
    assert sha256 == digest(b"Item 7. Management's discussion")
    assert store.read(sha256) == b"Item 7. Management's discussion"
    assert document_store(place.location).read(sha256) == b"Item 7. Management's discussion"
    assert place.names() == [name(sha256)]


def test_a_large_document_is_kept_whole(store: DocumentStore, place: DocumentPlace) -> None:
    sha256 = keep(store, *(LARGE[start : start + MIB] for start in range(0, len(LARGE), MIB)))
    assert store.read(sha256) == LARGE
    assert place.names() == [name(sha256)]


def test_a_document_is_invisible_until_it_is_kept(store: DocumentStore) -> None:
    with store.open() as document:
        document.write(b"x" * 100_000)
        with pytest.raises(DocumentMissing):
            store.read(document.sha256)
        document.keep()
        assert store.read(document.sha256) == b"x" * 100_000


def test_what_another_process_keeps_is_seen_by_one_that_looked_before(place: DocumentPlace) -> None:
    early = document_store(place.location)
    with pytest.raises(DocumentMissing):
        early.read(digest(b"content"))
    assert early.read(keep(document_store(place.location), b"content")) == b"content"


def test_what_is_not_kept_leaves_nothing(store: DocumentStore, place: DocumentPlace) -> None:
    with store.open() as document:
        document.write(b"half a filing")
    assert place.names() == []


def test_an_error_while_writing_leaves_nothing(store: DocumentStore, place: DocumentPlace) -> None:
    def broken_off() -> None:
        with store.open() as document:
            document.write(b"half a filing")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        broken_off()
    assert place.names() == []


def test_the_same_content_is_stored_once(store: DocumentStore, place: DocumentPlace) -> None:
    first, second = keep(store, b"same"), keep(store, b"sa", b"me")
    assert first == second
    assert place.names() == [name(first)]


def test_the_same_content_twice_at_the_same_time_is_stored_once(store: DocumentStore, place: DocumentPlace) -> None:
    with store.open() as one, store.open() as other, ThreadPoolExecutor(2) as threads:
        for document in (one, other):
            document.write(LARGE)
        for _ in threads.map(lambda document: document.keep(), (one, other)):
            pass
    assert place.names() == [name(digest(LARGE))]
    assert store.read(digest(LARGE)) == LARGE


def test_a_part_of_a_document_under_its_name_is_not_taken_for_it(store: DocumentStore, place: DocumentPlace) -> None:
    sha256 = digest(b"the whole")
    place.put(name(sha256), b"the")
    assert keep(store, b"the whole") == sha256
    assert store.read(sha256) == b"the whole"


def test_content_that_is_not_of_its_digest_is_not_given_out(store: DocumentStore, place: DocumentPlace) -> None:
    sha256 = keep(store, b"revenue grew")
    place.put(name(sha256), b"revenue fell")
    with pytest.raises(DocumentDamaged, match=f"{sha256} is not what was uploaded.* Delete it there, upload"):
        store.read(sha256)


def test_a_missing_document_is_named_with_the_place_and_what_to_check(
    store: DocumentStore, place: DocumentPlace
) -> None:
    with pytest.raises(DocumentMissing) as missing:
        store.read(digest(b"never kept"))
    assert digest(b"never kept") in str(missing.value)
    assert str(place.location) in str(missing.value)
    assert "FNA_REPORTS_DOCUMENTS_URL" in str(missing.value)


def test_a_document_counts_its_bytes_and_remembers_its_head(store: DocumentStore) -> None:
    with store.open() as document:
        for _ in range(5):
            document.write(b"0123456789" * 1000)
        assert document.size_bytes == 50_000
        assert document.head == (b"0123456789" * 5000)[:16384]


def test_a_document_that_is_given_up_while_it_is_kept_is_whole_or_not_there(
    store: DocumentStore, place: DocumentPlace
) -> None:
    document = store.open()
    document.write(LARGE)
    with ThreadPoolExecutor(1) as threads:
        keeping = threads.submit(document.keep)
        document.discard()
    if keeping.exception():
        assert place.names() == []
    else:
        assert store.read(digest(LARGE)) == LARGE


# What a process does that is killed: it is told the location, and says when it has written half of a document.
_WRITER = """
import sys
from reports_core.locations import location
from reports_core.storage.document_stores import document_store
document = document_store(location(sys.argv[1])).open()
for _ in range(int(sys.argv[2])):
    document.write(bytes(1024 * 1024))
print("written", flush=True)
sys.stdin.readline()
document.keep()
sys.stdin.readline()
"""


@contextlib.contextmanager
def writer(where: str, mebibytes: int) -> Iterator[subprocess.Popen[str]]:
    """Give a process that has written a document, and keeps it when it gets a line."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, where, str(mebibytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "written\n"
            yield process
        finally:
            process.kill()


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_for_longer_than_a_day(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    with writer(str(tmp_path), 3):
        pass
    (left,) = place.names()
    assert "/" not in left
    keep(LocalDocuments(tmp_path), b"another")
    assert left in place.names()
    yesterday = time.time() - 25 * 3600
    os.utime(tmp_path / left, (yesterday, yesterday))
    keep(LocalDocuments(tmp_path), b"another")
    assert place.names() == [name(digest(b"another"))]


def test_a_process_that_is_killed_while_it_sends_leaves_nothing_visible(bucket: Bucket) -> None:
    place = BucketPlace(bucket)
    location = place.location
    assert isinstance(location, RemoteUrl)
    with writer(location.value, 50) as process:
        assert process.stdin
        process.stdin.write("keep\n")
        process.stdin.flush()
        eventually(bucket.uploads, 60, "the beginning of the transfer")
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert place.names() == []
    store = document_store(location)
    with pytest.raises(DocumentMissing):
        store.read(digest(bytes(50 * MIB)))
    assert store.read(keep(store, bytes(50 * MIB))) == bytes(50 * MIB)


def test_a_transfer_that_is_given_up_leaves_no_parts(bucket: Bucket) -> None:
    store = document_store(BucketPlace(bucket).location)
    document = store.open()
    document.write(bytes(50 * MIB))
    with ThreadPoolExecutor(1) as threads:
        keeping = threads.submit(document.keep)
        eventually(bucket.uploads, 60, "the beginning of the transfer")
        document.discard()
    assert isinstance(keeping.exception(), DocumentsUnavailable)
    assert (bucket.names(), bucket.uploads()) == ([], [])


def test_a_bucket_that_is_missing_is_not_made_but_named(bucket: Bucket) -> None:
    store = RemoteDocuments(RemoteUrl("s3://misspelt/prefix"))
    with store.open() as document:
        document.write(b"content")
        with pytest.raises(DocumentsUnavailable, match=r"s3://misspelt/prefix .* no such bucket.*DOCUMENTS_URL"):
            document.keep()
    with pytest.raises(DocumentMissing):
        store.read(digest(b"content"))
    assert "misspelt" not in [entry["Name"] for entry in bucket.client.list_buckets()["Buckets"]]


def test_a_store_that_is_away_is_named_with_what_to_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ObjectStore(tmp_path) as object_store:
        for variable, value in object_store.environment.items():
            monkeypatch.setenv(variable, value)
        store = document_store(BucketPlace(object_store.new_bucket()).location)
        sha256 = keep(store, b"content")
        object_store.kill()
    with pytest.raises(DocumentsUnavailable, match=r"s3://reports-1/some/prefix cannot be read: .*; check that it can"):
        store.read(sha256)
    with store.open() as document:
        document.write(b"other content")
        with pytest.raises(DocumentsUnavailable, match=r"s3://reports-1/some/prefix cannot be written to: "):
            document.keep()


def test_a_store_that_denies_access_asks_for_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ObjectStore(tmp_path, INITIAL_NO_AUTH_ACTION_COUNT="0") as object_store:
        for variable, value in object_store.environment.items():
            monkeypatch.setenv(variable, value)
        store = RemoteDocuments(RemoteUrl("s3://bucket/prefix"))
        with pytest.raises(DocumentsUnavailable, match=r"s3://bucket/prefix cannot be read: .* credentials that may"):
            store.read(digest(b"content"))


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = LocalDocuments(tmp_path / "file")
    with pytest.raises(DocumentsUnavailable, match=f"the document folder {tmp_path}/file cannot be written to: "):
        store.open()
    with pytest.raises(DocumentsUnavailable, match=f"the document folder {tmp_path}/file cannot be read: "):
        store.read(digest(b"content"))


def test_a_kept_document_is_readable_for_the_group_and_nobody_else(tmp_path: Path) -> None:
    sha256 = keep(LocalDocuments(tmp_path), b"content")
    assert (tmp_path / name(sha256)).stat().st_mode & 0o777 == 0o640


class TimeIsUp(Exception):
    """What a handler of a signal raises, as Celery's does at a time limit."""


def test_a_time_limit_that_ends_the_wait_for_a_store_is_not_taken_for_its_error(bucket: Bucket) -> None:
    def end(*_: object) -> None:
        raise TimeIsUp

    main = threading.get_ident()
    released = threading.Event()

    def hang(*_: object) -> None:
        signal.pthread_kill(main, signal.SIGUSR1)
        released.wait()

    before = signal.signal(signal.SIGUSR1, end)
    try:
        with pytest.raises(TimeIsUp):
            RemotePlace("the store", RemoteUrl(f"s3://{bucket.name}")).run("read", hang)
    finally:
        signal.signal(signal.SIGUSR1, before)
        released.set()
