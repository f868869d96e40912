"""Server and worker that share nothing but a database and a bucket."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fna.reports.v1.batch_pb2 import BATCH_ITEM_STATUS_FAILED, BATCH_STATUS_COMPLETED, Batch
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K
from tests.support.object_store import Bucket, ObjectStore
from tests.support.server import COMPANY_ID
from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

MIB = 1024 * 1024


@pytest.fixture
def object_store(tmp_path: Path) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path) as store:
        yield store


@pytest.fixture
def bucket(object_store: ObjectStore) -> Bucket:
    return object_store.new_bucket()


@pytest.fixture
def stack(database_url: str, tmp_path: Path, object_store: ObjectStore, bucket: Bucket) -> Iterator[Stack]:
    """Give a server that keeps documents in the bucket, and can start a worker that reads them there."""
    settings = {"FNA_REPORTS_DOCUMENTS_URL": f"s3://{bucket.name}/kept", **object_store.environment}
    with Stack(database_url, tmp_path, **settings) as stack:
        stack.start_server()
        yield stack


def key(sha256: str) -> str:
    return f"kept/{sha256[:2]}/{sha256}"


def test_reports_are_uploaded_to_a_bucket_and_analysed_from_it(stack: Stack, bucket: Bucket, tmp_path: Path) -> None:
    stack.start_worker()
    batch = stack.submit("quick", "quick", "quick")
    assert stack.finished(batch.batch_id).status == BATCH_STATUS_COMPLETED
    digests = [row["content_sha256"] for row in stack.rows("SELECT content_sha256 FROM reports")]
    assert len(digests) == 3
    assert bucket.names() == sorted(map(key, digests))
    assert not (tmp_path / "documents").exists()


def test_content_that_was_changed_in_the_bucket_is_not_analysed(stack: Stack, bucket: Bucket) -> None:
    (report_id,) = stack.upload("quick")
    (name,) = bucket.names()
    bucket.put(name, b"something else")
    with stack.client() as client:
        batch = client.submit([report_id]).message
    stack.start_worker()
    (item,) = stack.finished(batch.batch_id).results
    assert (item.status, item.attempt_count) == (BATCH_ITEM_STATUS_FAILED, 1)
    assert failure(stack, batch) == ("FAILED", "CONTENT_DAMAGED")


def test_a_store_that_is_away_is_waited_for(stack: Stack, object_store: ObjectStore) -> None:
    batch = stack.submit("quick")
    object_store.kill()
    stack.start_worker()
    eventually(lambda: failure(stack, batch)[0] == "RETRYING", 90, "the end of the first attempt")
    assert failure(stack, batch) == ("RETRYING", "DOCUMENT_STORE_UNAVAILABLE")


def test_content_that_is_missing_is_looked_for_again(stack: Stack, bucket: Bucket) -> None:
    batch = stack.submit("quick")
    (name,) = bucket.names()
    content = bucket.client.get_object(Bucket=bucket.name, Key=name)["Body"].read()
    bucket.delete(name)
    stack.start_worker()
    eventually(lambda: failure(stack, batch)[0] == "RETRYING", 60, "the end of the first attempt")
    assert failure(stack, batch) == ("RETRYING", "CONTENT_MISSING")
    bucket.put(name, content)
    assert stack.finished(batch.batch_id).status == BATCH_STATUS_COMPLETED


def failure(stack: Stack, batch: Batch) -> tuple[str, str]:
    (row,) = stack.rows("SELECT status, error_reason FROM batch_items WHERE batch_id = %s", batch.batch_id)
    return row["status"], row["error_reason"]


def test_a_large_upload_passes_through_the_server_in_pieces(
    database_url: str, tmp_path: Path, object_store: ObjectStore, bucket: Bucket
) -> None:
    settings = {"FNA_REPORTS_DOCUMENTS_URL": f"s3://{bucket.name}/kept", **object_store.environment}
    with Stack(database_url, tmp_path, **settings) as stack:
        server = stack.start_server()
        stack.upload("loads what the server needs for its first transfer")
        before = resident_bytes(server.process.pid)
        with peak_of(server.process.pid) as peak, stack.client() as client:
            report = client.upload(bytes(range(256)) * 4096 * 50, company_id=COMPANY_ID, report_type=REPORT_TYPE_10_K)
    assert report.content_size_bytes == 50 * MIB
    # What gRPC has received and the parts on their way, here 24 to 33 MiB in all; never the document as well.
    assert max(peak) - before < 50 * MIB


def resident_bytes(pid: int) -> int:
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(found.stdout) * 1024


@contextmanager
def peak_of(pid: int) -> Iterator[list[int]]:
    """Give the list of what a process takes of memory, looked at all the time until it is left."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            seen.append(resident_bytes(pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
