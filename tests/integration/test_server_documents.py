"""Content on its way into an object store and out of one, through the gRPC server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from fna.reports.v1.report_service_pb2 import RegisterReportRequest
from tests.support.object_store import Bucket, ObjectStore
from tests.support.server import Client, new_report, refusal, running, upload
from tests.support.storage import Store, digest
from tests.support.waiting import eventually_async

CONTENT = b"<html><body>Item 7. Management's discussion</body></html>"
LIMIT = 52_428_800


@pytest_asyncio.fixture
async def remote(database_url: str, tmp_path: Path, bucket: Bucket) -> AsyncIterator[Client]:
    """Give a client of a server that keeps documents in the bucket, and reads what is under a prefix of it."""
    documents_url = f"s3://{bucket.name}/documents"
    roots = f"{tmp_path}:s3://{bucket.name}/filings"
    async with running(database_url, tmp_path, documents_url=documents_url, source_roots=roots) as client:
        yield client


def stored(content: bytes) -> str:
    return f"documents/{digest(content)[:2]}/{digest(content)}"


async def test_an_uploaded_report_is_one_object(remote: Client, bucket: Bucket) -> None:
    report = await remote.upload(CONTENT, content_sha256=digest(CONTENT))
    assert (report.content_sha256, report.content_type) == (digest(CONTENT), "text/html")
    again = await remote.reports.UploadReport(upload(CONTENT))
    assert (again.report, again.already_existed) == (report, True)
    assert bucket.names() == [stored(CONTENT)]
    assert bucket.client.get_object(Bucket=bucket.name, Key=stored(CONTENT))["Body"].read() == CONTENT


async def test_content_that_is_not_as_announced_never_reaches_the_bucket(remote: Client, bucket: Bucket) -> None:
    refused = await refusal(remote.reports.UploadReport(upload(CONTENT, content_sha256="0" * 64)))
    assert refused.reason == "CONTENT_MISMATCH"
    assert (bucket.names(), bucket.uploads()) == ([], [])


async def test_the_server_answers_others_while_it_sends_to_the_bucket(remote: Client, bucket: Bucket) -> None:
    uploading = asyncio.create_task(remote.upload(bytes(LIMIT)))
    await eventually_async(lambda: asyncio.to_thread(bucket.uploads), 60, "the beginning of the transfer")
    small = await remote.upload(CONTENT)
    assert not uploading.done()
    assert small.content_sha256 == digest(CONTENT)
    assert (await uploading).content_size_bytes == LIMIT


async def test_an_upload_that_is_cancelled_while_it_is_sent_leaves_nothing(
    remote: Client, bucket: Bucket, store: Store
) -> None:
    call = remote.reports.UploadReport(upload(bytes(LIMIT)))
    await eventually_async(lambda: asyncio.to_thread(bucket.uploads), 60, "the beginning of the transfer")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    async def nothing_is_left() -> bool:
        return not await asyncio.to_thread(bucket.uploads)

    await eventually_async(nothing_is_left, 30, "the end of the transfer")
    assert bucket.names() == []
    assert store.count("reports") == 0


async def test_a_store_that_is_away_is_unavailable_and_nothing_is_registered(
    database_url: str, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectStore(tmp_path) as object_store:
        for name, value in object_store.environment.items():
            monkeypatch.setenv(name, value)
    async with running(database_url, tmp_path, documents_url="s3://bucket/a") as client:
        refused = await refusal(client.reports.UploadReport(upload(CONTENT), timeout=60))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DOCUMENT_STORE_UNAVAILABLE")
    assert refused.message.startswith("the document store s3://bucket/a cannot be written to: ")
    assert store.count("reports") == 0


def registration(uri: str) -> RegisterReportRequest:
    return RegisterReportRequest(report=new_report(source_uri=uri))


async def test_an_object_under_a_source_root_is_registered_with_its_content(remote: Client, bucket: Bucket) -> None:
    content = bytes(range(256)) * 20_000
    bucket.put("filings/2024/annual report.htm", content)
    uri = f"s3://{bucket.name}/filings/2024/annual%20report.htm"
    report = (await remote.reports.RegisterReport(registration(uri))).report
    assert (report.content_sha256, report.source_uri) == (digest(content), uri)
    assert stored(content) in bucket.names()


async def test_a_folder_is_still_read_beside_a_bucket(remote: Client, tmp_path: Path) -> None:
    (tmp_path / "10k.htm").write_bytes(CONTENT)
    report = (await remote.reports.RegisterReport(registration((tmp_path / "10k.htm").as_uri()))).report
    assert report.content_sha256 == digest(CONTENT)


OUTSIDE = "is not under a storage root of the server"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://{bucket}/secret.txt", OUTSIDE),
        ("s3://{bucket}/filings", OUTSIDE),
        ("s3://{bucket}/filings/", OUTSIDE),
        ("s3://{bucket}/filings-secret/a.txt", OUTSIDE),
        ("s3://{bucket}/filings/../secret.txt", OUTSIDE),
        ("s3://{bucket}/filings/%2e%2e/secret.txt", OUTSIDE),
        ("s3://{bucket}/filings/a//b.txt", OUTSIDE),
        ("s3://{bucket}/filings/a.txt?versionId=1", OUTSIDE),
        ("s3://{bucket}-other/filings/a.txt", OUTSIDE),
        ("s3://user@{bucket}/filings/a.txt", OUTSIDE),
        ("s3://{bucket}/filings/missing.txt", "there is no such file"),
        ("s3://{bucket}/filings/empty.txt", "the document is empty"),
        ("s3a://{bucket}/filings/a.txt", "must be a file:/// or s3:// URI"),
        ("https://{bucket}/filings/a.txt", "must be a file:/// or s3:// URI"),
    ],
)
async def test_what_is_not_an_object_under_a_root_is_refused_without_a_hint(
    remote: Client, bucket: Bucket, uri: str, said: str
) -> None:
    for name in ("secret.txt", "filings-secret/a.txt", "filings/a.txt", "filings/../secret.txt"):
        bucket.put(name, b"secret")
    bucket.put("filings/empty.txt", b"")
    before = bucket.names()
    refused = await refusal(remote.reports.RegisterReport(registration(uri.format(bucket=bucket.name))))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["report.source_uri"])
    assert said in refused.message
    assert bucket.names() == before


async def test_an_object_over_the_limit_is_refused(remote: Client, bucket: Bucket) -> None:
    bucket.put("filings/huge.htm", bytes(LIMIT + 1))
    uri = f"s3://{bucket.name}/filings/huge.htm"
    refused = await refusal(remote.reports.RegisterReport(registration(uri), timeout=60))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CONTENT_TOO_LARGE")
    assert bucket.names() == ["filings/huge.htm"]
