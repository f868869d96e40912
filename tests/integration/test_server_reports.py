"""Reports over gRPC: upload, registration and analysis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from fna.reports.v1 import report_pb2
from fna.reports.v1.report_service_pb2 import (
    GetReportAnalysisRequest,
    GetReportRequest,
    RegisterReportRequest,
    UploadReportRequest,
)
from reports_core.storage.local_documents import LocalDocuments
from tests.support.server import COMPANY_ID, SECONDS, Client, header, new_report, refusal, running, upload
from tests.support.storage import REFUSED, Store, digest
from tests.support.waiting import eventually_async

CONTENT = b"<html><body>Item 7. Management's discussion</body></html>"
LIMIT = 52_428_800


def footer(size: int) -> UploadReportRequest:
    return UploadReportRequest(footer=UploadReportRequest.Footer(content_size_bytes=size))


def chunk(content: bytes) -> UploadReportRequest:
    return UploadReportRequest(chunk=content)


def stored_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def test_an_uploaded_report_is_stored_and_described(client: Client, tmp_path: Path) -> None:
    report = await client.upload(
        CONTENT,
        report=new_report(
            title="Annual report", file_name="10k.htm", fiscal_period="FY 2024", filing_date="2025-02-28"
        ),
        content_size_bytes=len(CONTENT),
        content_sha256=digest(CONTENT),
    )
    assert (report.company_id, report.report_type) == (COMPANY_ID, report_pb2.REPORT_TYPE_10_K)
    assert (report.title, report.file_name, report.fiscal_period) == ("Annual report", "10k.htm", "FY 2024")
    assert (report.filing_date, report.source_uri) == ("2025-02-28", "")
    assert (report.content_type, report.content_size_bytes) == ("text/html", len(CONTENT))
    assert (report.content_sha256, report.status) == (digest(CONTENT), report_pb2.REPORT_STATUS_PENDING)
    assert report.latest_analysis_id == ""
    assert LocalDocuments(tmp_path / "documents").read(report.content_sha256) == CONTENT
    assert (await client.reports.GetReport(GetReportRequest(report_id=report.report_id))).report == report


async def test_content_of_many_chunks_arrives_whole(client: Client, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12_000
    report = await client.upload(content, content_sha256=digest(content))
    assert LocalDocuments(tmp_path / "documents").read(report.content_sha256) == content


async def test_the_same_content_of_the_same_company_is_one_report(client: Client, tmp_path: Path) -> None:
    first = await client.upload(CONTENT)
    response = await client.reports.UploadReport(upload(CONTENT, report=new_report(title="Another title")))
    assert (response.report, response.already_existed) == (first, True)
    other = await client.upload(CONTENT, report=new_report(company_id=str(uuid4())))
    assert other.report_id != first.report_id
    assert stored_files(tmp_path / "documents") == [digest(CONTENT)]


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "header"),
        ([chunk(CONTENT)], "header"),
        ([header()], "chunk"),
        ([header(), header(), chunk(CONTENT)], "header"),
        ([header(), chunk(CONTENT), header()], "header"),
        ([header(), chunk(b"")], "chunk"),
        ([header(), chunk(b"x" * (1024 * 1024 + 1))], "chunk"),
        ([header(), UploadReportRequest()], "payload"),
        ([header(), chunk(CONTENT), footer(len(CONTENT)), chunk(CONTENT)], "footer"),
        ([header(), chunk(CONTENT), footer(LIMIT + 1)], "footer.content_size_bytes"),
        ([header(report=new_report(company_id="c")), chunk(CONTENT)], "header.report.company_id"),
        ([header(report=new_report(source_uri="file:///a")), chunk(CONTENT)], "header"),
        ([header(report=new_report(filing_date="2023-02-29")), chunk(CONTENT)], "report.filing_date"),
        ([header(content_size_bytes=LIMIT + 1), chunk(CONTENT)], "header.content_size_bytes"),
        ([header(content_sha256="ABC"), chunk(CONTENT)], "header.content_sha256"),
    ],
)
async def test_an_upload_that_breaks_a_rule_leaves_nothing(
    client: Client, store: Store, tmp_path: Path, messages: Sequence[UploadReportRequest], field: str
) -> None:
    refused = await refusal(client.reports.UploadReport(iter(messages)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert refused.fields == [field]
    assert stored_files(tmp_path) == []
    assert store.count("reports") == 0


@pytest.mark.parametrize(
    ("announced", "said"),
    [
        ({"content_size_bytes": len(CONTENT) + 1}, f"content_size_bytes says {len(CONTENT) + 1}"),
        ({"content_sha256": "0" * 64}, f"content_sha256 says {'0' * 64}"),
    ],
)
async def test_content_that_is_not_as_announced_is_refused(
    client: Client, store: Store, tmp_path: Path, announced: dict[str, object], said: str
) -> None:
    refused = await refusal(client.reports.UploadReport(upload(CONTENT, **announced)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.DATA_LOSS, "CONTENT_MISMATCH")
    assert refused.message.startswith(said)
    assert stored_files(tmp_path) == []
    assert store.count("reports") == 0


async def test_an_upload_that_promised_a_footer_ends_with_it_or_was_broken_off(
    client: Client, store: Store, tmp_path: Path
) -> None:
    promised = header(footer_follows=True)
    for messages, said in (
        ([promised, chunk(CONTENT)], "the upload ended without its footer"),
        ([promised, chunk(CONTENT), footer(len(CONTENT) - 1)], f"content_size_bytes says {len(CONTENT) - 1}"),
        ([promised, chunk(CONTENT), footer(0)], "content_size_bytes says 0"),
    ):
        refused = await refusal(client.reports.UploadReport(iter(messages)))
        assert (refused.code, refused.reason) == (grpc.StatusCode.DATA_LOSS, "CONTENT_MISMATCH")
        assert refused.message.startswith(said)
    assert stored_files(tmp_path) == []
    assert store.count("reports") == 0
    taken = await client.reports.UploadReport(iter([promised, chunk(CONTENT), footer(len(CONTENT))]))
    assert taken.report.content_sha256 == digest(CONTENT)


async def test_one_byte_over_the_limit_is_refused_and_nothing_kept(client: Client, tmp_path: Path) -> None:
    refused = await refusal(client.reports.UploadReport(upload(bytes(LIMIT + 1))))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CONTENT_TOO_LARGE")
    assert refused.info.metadata["limit"] == str(LIMIT)
    assert stored_files(tmp_path) == []


async def test_content_of_exactly_the_limit_is_taken(client: Client) -> None:
    assert (await client.upload(bytes(LIMIT))).content_size_bytes == LIMIT


async def test_an_upload_that_is_broken_off_leaves_nothing(client: Client, tmp_path: Path) -> None:
    async def has_begun() -> bool:
        return any(path.is_file() for path in (tmp_path / "documents").rglob("*"))

    async def nothing_is_left() -> bool:
        return not await has_begun()

    call = client.reports.UploadReport()
    await call.write(header())
    await call.write(chunk(CONTENT))
    # A call that is cancelled earlier may never reach the method.
    await eventually_async(has_begun, 10, "the beginning of the upload at the server")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await eventually_async(nothing_is_left, 10, "the end of the upload at the server")


async def test_uploads_that_are_broken_off_at_any_moment_never_become_reports(
    client: Client, store: Store, tmp_path: Path
) -> None:
    """The messages of a cancelled call may end like those of one that was finished."""

    async def broken_off(number: int) -> None:
        call = client.reports.UploadReport()
        await call.write(header(report=new_report(title=f"Report {number}"), footer_follows=True))
        await call.write(chunk(b"%d" % number + CONTENT))
        await eventually_async(has_begun, 10, "the beginning of an upload at the server")
        call.cancel()

    async def has_begun() -> bool:
        return any(path.is_file() for path in (tmp_path / "documents").rglob("*"))

    async def nothing_is_left() -> bool:
        return not await has_begun()

    for number in range(50):
        await broken_off(number)
        await eventually_async(nothing_is_left, 10, "the end of the upload at the server")
    assert store.count("reports") == 0


async def test_an_unknown_report_is_not_found(client: Client) -> None:
    unknown = str(uuid4())
    for call in (
        client.reports.GetReport(GetReportRequest(report_id=unknown)),
        client.reports.GetReportAnalysis(GetReportAnalysisRequest(report_id=unknown)),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "REPORT_NOT_FOUND")
        assert refused.info.metadata["report_ids"] == unknown


async def test_an_analysis_is_returned_whole_and_by_its_id(client: Client, store: Store) -> None:
    report_ids = store.reports(1)
    first, second = (store.run(store.submit(report_ids)).item for _ in range(2))
    newest = (await client.reports.GetReportAnalysis(GetReportAnalysisRequest(report_id=report_ids[0]))).analysis
    assert newest.analysis_id == str(second.analysis_id)
    request = GetReportAnalysisRequest(report_id=report_ids[0], analysis_id=str(first.analysis_id))
    old = (await client.reports.GetReportAnalysis(request)).analysis
    assert (old.analysis_id, old.report_id, old.model_version) == (str(first.analysis_id), report_ids[0], "lexicon-1")
    assert (old.optimism.value, old.risk.confidence) == (0.625, 0.5)
    assert [(theme.label, theme.weight) for theme in old.key_themes] == [("supply chain", 0.5)]
    assert [(found.label, found.severity) for found in old.risk_indicators] == [("going concern", 0.875)]
    (section,) = old.sections
    assert (section.type, section.heading) == (report_pb2.SECTION_TYPE_MD_A, "Item 7.")
    assert section.uncertainty.value == 0.75
    (metric,) = old.financial_metrics
    assert (metric.concept, metric.value, metric.unit) == ("us-gaap:Revenues", 1e9, "USD")
    assert (metric.period_start, metric.period_end) == ("2024-01-01", "2024-12-31")
    assert list(old.warnings) == ["Two tags were malformed."]
    assert (old.model_review.model, old.model_review.summary) == ("m", "It grew.")
    assert (old.model_review.prompt_tokens, old.model_review.completion_tokens) == (1200, 90)
    (finding,) = old.model_review.findings
    assert (finding.statement, finding.quote, finding.section_heading) == ("Sales grew.", "sales grew", "Item 7.")
    assert finding.section_type == report_pb2.SECTION_TYPE_MD_A
    assert old.processing_time.ToTimedelta().total_seconds() == 1.5
    assert old.HasField("completed_at")


async def test_why_there_is_no_analysis_is_told(client: Client, store: Store) -> None:
    (report_id,) = store.reports(1)
    request = GetReportAnalysisRequest(report_id=report_id)

    async def told() -> tuple[grpc.StatusCode, str]:
        refused = await refusal(client.reports.GetReportAnalysis(request))
        return refused.code, refused.reason

    assert await told() == (grpc.StatusCode.NOT_FOUND, "ANALYSIS_NOT_FOUND")
    batch = store.submit([report_id])
    store.start(batch)
    assert await told() == (grpc.StatusCode.FAILED_PRECONDITION, "ANALYSIS_NOT_READY")
    store.rows("UPDATE batch_items SET lease_expires_at = now() - interval '1 second'")
    store.run(batch, 0, REFUSED)
    assert await told() == (grpc.StatusCode.NOT_FOUND, "ANALYSIS_NOT_FOUND")
    request.analysis_id = str(uuid4())
    assert await told() == (grpc.StatusCode.NOT_FOUND, "ANALYSIS_NOT_FOUND")


def registration(path: Path, **fields: object) -> RegisterReportRequest:
    return RegisterReportRequest(report=new_report(source_uri=path.as_uri(), **fields))


async def test_a_file_under_a_source_root_is_registered_with_its_content(
    database_url: str, tmp_path: Path, store: Store
) -> None:
    filing = tmp_path / "source files" / "2024" / "10k.htm"
    filing.parent.mkdir(parents=True)
    filing.write_bytes(CONTENT)
    roots = f"{tmp_path}/elsewhere:{tmp_path}/source files"
    async with running(database_url, tmp_path, source_roots=roots) as client:
        request = registration(filing)
        request.request_id = str(uuid4())
        first = await client.reports.RegisterReport(request)
        assert (first.report.content_sha256, first.already_existed) == (digest(CONTENT), False)
        assert first.report.source_uri == filing.as_uri()
        repeat = await client.reports.RegisterReport(request)
        assert (repeat.report, repeat.already_existed) == (first.report, True)
        filing.write_bytes(CONTENT + b"amended")
        request.report.title = "Another payload"
        refused = await refusal(client.reports.RegisterReport(request))
        assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert store.count("reports") == 1


OUTSIDE = "is not under a storage root of the server"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (lambda root: f"file://{root}/../secret.txt", OUTSIDE),
        (lambda root: f"file://{root}/%2e%2e/secret.txt", OUTSIDE),
        (lambda root: f"file://{root}/link.txt", OUTSIDE),
        (lambda root: f"file://{root}/folder/secret.txt", OUTSIDE),
        (lambda root: f"file://{root.parent}/secret.txt", OUTSIDE),
        (lambda root: f"file://{root.parent}/nothing.txt", OUTSIDE),
        (lambda root: f"file://{root}-secret/a.txt", OUTSIDE),
        (lambda root: "file:///etc/passwd", OUTSIDE),
        (lambda root: f"file://{root}/a%00b.txt", OUTSIDE),
        (lambda root: f"file://{root}/nothing.txt", "there is no such file"),
        (lambda root: f"file://{root}", "there is no such file"),
        (lambda root: f"file://elsewhere{root}/empty.txt", "must be a file:/// URI"),
        (lambda root: f"https://example.com{root}/empty.txt", "must be a file:/// URI"),
        (lambda root: f"file://{root}/empty.txt", "the document is empty"),
    ],
)
async def test_what_is_not_content_under_a_root_is_refused_without_a_hint(
    database_url: str, tmp_path: Path, uri: Callable[[Path], str], said: str
) -> None:
    root = tmp_path / "root"
    for folder in (root, tmp_path / "root-secret"):
        folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "root-secret" / "a.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path)
    (root / "empty.txt").touch()
    async with running(database_url, tmp_path, source_roots=str(root)) as client:
        request = RegisterReportRequest(report=new_report(source_uri=uri(root)))
        refused = await refusal(client.reports.RegisterReport(request))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["report.source_uri"])
    assert said in refused.message
    assert stored_files(tmp_path / "documents") == []


async def test_a_server_without_source_roots_reads_no_file(client: Client, tmp_path: Path) -> None:
    (tmp_path / "10k.htm").write_bytes(CONTENT)
    refused = await refusal(client.reports.RegisterReport(registration(tmp_path / "10k.htm")))
    assert "FNA_REPORTS_SOURCE_ROOTS" in refused.message


async def test_a_file_over_the_limit_is_refused(database_url: str, tmp_path: Path) -> None:
    huge = tmp_path / "root" / "huge.htm"
    huge.parent.mkdir()
    with huge.open("wb") as file:
        file.truncate(LIMIT + 1)
    async with running(database_url, tmp_path, source_roots=str(huge.parent)) as client:
        refused = await refusal(client.reports.RegisterReport(registration(huge)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CONTENT_TOO_LARGE")
    assert stored_files(tmp_path / "documents") == []


async def test_who_still_sends_when_an_upload_is_refused_is_told_why(client: Client) -> None:
    # A write that finds the call ended makes grpc.aio forget the status that ended it.
    for _ in range(50):
        call = client.reports.UploadReport(timeout=SECONDS)
        answer = await refusal(sent(call, header(report=new_report(company_id="Acme")), 20))
        assert (answer.code, answer.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["header.report.company_id"])


async def sent(call: Any, first: UploadReportRequest, chunks: int) -> None:
    """Send an upload as the gateway does, a write at a time, to its end."""
    with suppress(asyncio.InvalidStateError):
        await call.write(first)
        for _ in range(chunks):
            await call.write(UploadReportRequest(chunk=bytes(64 * 1024)))
        await call.done_writing()
    await call
