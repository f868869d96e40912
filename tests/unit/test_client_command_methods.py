"""Every method of the contract can be called from a shell."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import grpc
import pytest

from fna.reports import company_id
from fna.reports.cli.results import COLUMNS
from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_COMPLETED,
    BATCH_ITEM_STATUS_FAILED,
    BATCH_STATUS_PROCESSING,
    BatchItem,
)
from fna.reports.v1.batch_status_service_pb2 import (
    BatchFilter,
    BatchResult,
    GetBatchResponse,
    ListBatchesResponse,
    ListBatchItemsResponse,
    ListBatchResultsRequest,
    ListBatchResultsResponse,
    ListWebhookDeliveriesRequest,
    ListWebhookDeliveriesResponse,
    WatchBatchesRequest,
    WatchBatchesResponse,
    WatchBatchRequest,
)
from fna.reports.v1.batch_submission_service_pb2 import (
    CancelBatchRequest,
    CancelBatchResponse,
    GetWebhookSettingsResponse,
    RedeliverWebhookRequest,
    RedeliverWebhookResponse,
    RetryBatchRequest,
    RetryBatchResponse,
    RotateWebhookSecretResponse,
    SubmitBatchResponse,
    UpdateWebhookSettingsRequest,
    UpdateWebhookSettingsResponse,
)
from fna.reports.v1.diagnostics_service_pb2 import GetDiagnosticsResponse
from fna.reports.v1.report_pb2 import (
    REPORT_STATUS_FAILED,
    REPORT_TYPE_10_K,
    NarrativeTheme,
    Report,
    ReportAnalysis,
    Score,
)
from fna.reports.v1.report_service_pb2 import (
    GetNarrativeDeltaResponse,
    GetReportAnalysisResponse,
    GetReportResponse,
    ListReportsRequest,
    ListReportsResponse,
    RegisterReportRequest,
    RegisterReportResponse,
    UploadReportResponse,
)
from fna.reports.v1.webhook_pb2 import (
    WEBHOOK_DELIVERY_STATUS_RETRYING,
    WebhookAttempt,
    WebhookDelivery,
    WebhookSettings,
)
from reports_gateway.schemas.result import COLUMNS as GATEWAY_COLUMNS
from tests.unit.client_command import Command
from tests.unit.client_peer import (
    BATCH_ID,
    REPORT_ID,
    SERVICES,
    SILENCE,
    TASK_ID,
    Peer,
    batch,
    finished,
    item_changed,
    message,
    refusal,
    snapshot,
)

pytestmark = pytest.mark.timeout(60)

DELIVERY = WebhookDelivery(
    delivery_id=TASK_ID,
    batch_id=BATCH_ID,
    url="https://example.com/hooks",
    status=WEBHOOK_DELIVERY_STATUS_RETRYING,
    attempt_count=1,
    attempts=[WebhookAttempt(response_status=503, error="busy")],
)
FAILURE = refusal(grpc.StatusCode.INVALID_ARGUMENT, "CORRUPT", text="it is damaged")
RESULTS = (
    BatchResult(
        item=BatchItem(position=0, report_id=REPORT_ID, status=BATCH_ITEM_STATUS_COMPLETED, attempt_count=1),
        report=Report(report_id=REPORT_ID, title="=1+1", file_name="10k.htm", report_type=REPORT_TYPE_10_K),
        analysis=ReportAnalysis(
            optimism=Score(value=0.25, confidence=0.5), key_themes=[NarrativeTheme(label="tariffs, and more")]
        ),
    ),
    BatchResult(
        item=BatchItem(position=1, report_id=TASK_ID, status=BATCH_ITEM_STATUS_FAILED, error=FAILURE),
        report=Report(report_id=TASK_ID, title="Letter"),
    ),
)


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Return a service that has an answer to everything."""
    with Peer() as peer:
        peer.answers = {
            "SubmitBatch": [SubmitBatchResponse(batch=batch())],
            "CancelBatch": [CancelBatchResponse(batch=batch())],
            "RetryBatch": [RetryBatchResponse(batch=batch())],
            "GetWebhookSettings": [GetWebhookSettingsResponse(settings=WebhookSettings(url="https://example.com/"))],
            "UpdateWebhookSettings": [UpdateWebhookSettingsResponse(settings=WebhookSettings(has_secret=True))],
            "RotateWebhookSecret": [RotateWebhookSecretResponse(secret="whsec_x")],
            "RedeliverWebhook": [RedeliverWebhookResponse(delivery=DELIVERY)],
            "GetBatch": [GetBatchResponse(batch=batch())],
            "ListBatches": [ListBatchesResponse(batches=[batch()])],
            "ListBatchItems": [ListBatchItemsResponse(items=[RESULTS[0].item])],
            "ListBatchResults": [
                ListBatchResultsResponse(results=RESULTS[:1], next_page_token="more"),
                ListBatchResultsResponse(results=RESULTS[1:]),
            ],
            "ListWebhookDeliveries": [ListWebhookDeliveriesResponse(deliveries=[DELIVERY])],
            "RegisterReport": [RegisterReportResponse(report=Report(report_id=REPORT_ID))],
            "UploadReport": [UploadReportResponse(report=Report(report_id=REPORT_ID))],
            "GetReport": [GetReportResponse(report=Report(report_id=REPORT_ID))],
            "ListReports": [ListReportsResponse(reports=[Report(report_id=REPORT_ID, report_type=REPORT_TYPE_10_K)])],
            "GetReportAnalysis": [GetReportAnalysisResponse(analysis=ReportAnalysis(report_id=REPORT_ID))],
            "GetNarrativeDelta": [GetNarrativeDeltaResponse()],
            "GetDiagnostics": [GetDiagnosticsResponse()],
        }
        peer.streams = [lambda _: [message(snapshot(1), finished(2))]]
        yield peer


@pytest.fixture
def command(peer: Peer, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(peer, capsys)


def test_every_method_of_the_contract_is_called_by_some_command(command: Command, tmp_path: Path) -> None:
    document = tmp_path / "10k.htm"
    document.write_text("text")
    for line in (
        f"upload {document}",
        "register s3://filings/10k.htm",
        "reports",
        f"report {REPORT_ID}",
        f"analysis {REPORT_ID}",
        f"delta {REPORT_ID}",
        f"submit {REPORT_ID}",
        f"watch {BATCH_ID}",
        f"get {BATCH_ID}",
        "list",
        f"items {BATCH_ID}",
        f"results {BATCH_ID}",
        f"cancel {BATCH_ID}",
        f"retry {BATCH_ID}",
        "webhook show",
        "webhook set https://example.com/",
        "webhook rotate-secret",
        f"webhook deliveries {BATCH_ID}",
        f"webhook redeliver {BATCH_ID} {TASK_ID}",
    ):
        assert command(*line.split()).code == 0, line
    command.peer.streams = [lambda _: [WatchBatchesResponse(events=[snapshot(1)], resume_token="t"), SILENCE]]
    assert command("watch", "--within", "0.5").code == 0
    command("doctor")  # Which finds fault with a peer that has no health check.
    assert set(command.peer.requests) == {method.name for service in SERVICES for method in service.methods}


def test_register_passes_on_what_is_told_of_a_document(command: Command) -> None:
    options = [
        "--company",
        "Acme",
        "--fiscal-period",
        "FY 2024",
        "--content-type",
        "text/html",
        "--request-id",
        TASK_ID,
    ]
    assert command("register", "s3://filings/10k_acme.htm", *options) == (0, f"{REPORT_ID}\n", "")
    report = Report(
        company_id=str(company_id("Acme")),
        report_type=REPORT_TYPE_10_K,
        source_uri="s3://filings/10k_acme.htm",
        fiscal_period="FY 2024",
        content_type="text/html",
    )
    assert command.sent("RegisterReport") == RegisterReportRequest(report=report, request_id=TASK_ID)


def test_one_document_that_cannot_be_fetched_does_not_stop_the_others(command: Command) -> None:
    command.peer.answers["RegisterReport"].insert(0, FAILURE)
    outcome = command("register", "s3://a", "s3://b")
    assert outcome == (1, f"{REPORT_ID}\n", "s3://a: it is damaged\n")
    assert (
        len({cast("RegisterReportRequest", sent[0]).request_id for sent in command.peer.requests["RegisterReport"]})
        == 2
    )


def test_reports_are_listed(command: Command) -> None:
    lines = command("reports", "--company", "Acme", "--status", "failed", "--limit", 7).out.splitlines()
    assert lines[0].split() == ["REPORT", "TYPE", "PERIOD", "FILED", "STATUS", "UPLOADED", "FILE"]
    assert lines[1].split()[:2] == [REPORT_ID, "10-K"]
    assert command.sent("ListReports") == ListReportsRequest(
        company_id=str(company_id("Acme")), statuses=[REPORT_STATUS_FAILED], page_size=7
    )


def test_results_are_a_table(command: Command) -> None:
    lines = command("results", BATCH_ID, "--status", "COMPLETED", "--task-id", TASK_ID).out.splitlines()
    assert lines[1].split() == [
        *("0", REPORT_ID, "10-K", "COMPLETED", "0.25", "0.00", "0.00"),
        *("10k.htm:", "tariffs,", "and", "more"),
    ]
    assert lines[2].endswith("FAILED                                   Letter: CORRUPT: it is damaged")
    assert command.sent("ListBatchResults") == ListBatchResultsRequest(
        batch_id=BATCH_ID, task_id=TASK_ID, statuses=[BATCH_ITEM_STATUS_COMPLETED]
    )


def test_results_are_the_csv_that_the_gateway_writes(command: Command) -> None:
    assert COLUMNS == GATEWAY_COLUMNS
    rows = list(csv.DictReader(io.StringIO(command("results", BATCH_ID, "--format", "csv").out)))
    assert [row["report_id"] for row in rows] == [REPORT_ID, TASK_ID]
    assert (rows[0]["title"], rows[0]["optimism"], rows[0]["key_themes"]) == ("'=1+1", "0.25", "tariffs, and more")
    assert (rows[1]["error_reason"], rows[1]["optimism"], rows[1]["processed_at"]) == ("CORRUPT", "", "")


@pytest.mark.parametrize("words", [["--format", "jsonl"], ["--json"]])
def test_results_are_json_lines(command: Command, words: list[str]) -> None:
    lines = [json.loads(line) for line in command("results", BATCH_ID, *words).out.splitlines()]
    assert [line["item"]["position"] for line in lines] == [0, 1]
    assert (lines[0]["analysis"]["optimism"]["value"], lines[1]["analysis"]) == (0.25, None)


@pytest.mark.parametrize(("limit", "count"), [(0, 2), (1, 1)])
def test_results_are_one_json_object(command: Command, limit: int, count: int) -> None:
    document = json.loads(command("results", BATCH_ID, "--format", "json", "--limit", limit).out)
    assert len(document["results"]) == count


def test_no_results_are_json_too(command: Command) -> None:
    command.peer.answers["ListBatchResults"] = [ListBatchResultsResponse()]
    assert json.loads(command("results", BATCH_ID, "--format", "json").out) == {"results": []}


def test_webhooks_are_set_and_their_deliveries_shown(command: Command) -> None:
    assert command("webhook", "show").out.splitlines() == [
        "URL         https://example.com/",
        "Secret      none: webhook rotate-secret",
    ]
    command("webhook", "set", "")
    assert command.sent("UpdateWebhookSettings") == UpdateWebhookSettingsRequest(url="")
    assert command("webhook", "rotate-secret").out == "whsec_x\n"
    row = command("webhook", "deliveries", BATCH_ID).out.splitlines()[1]
    assert row.split() == [TASK_ID, "RETRYING", "1", "https://example.com/hooks", "HTTP", "503,", "busy"]
    assert command.sent("ListWebhookDeliveries") == ListWebhookDeliveriesRequest(batch_id=BATCH_ID)
    assert "HTTP 503, busy" in command("webhook", "redeliver", BATCH_ID, TASK_ID).out
    assert command.sent("RedeliverWebhook") == RedeliverWebhookRequest(batch_id=BATCH_ID, delivery_id=TASK_ID)


def test_cancel_and_retry_may_demand_an_etag(command: Command) -> None:
    command("cancel", BATCH_ID, "--etag", "x")
    assert command.sent("CancelBatch") == CancelBatchRequest(batch_id=BATCH_ID, etag="x")
    command("retry", BATCH_ID, "--etag", "y", "--request-id", TASK_ID)
    assert command.sent("RetryBatch") == RetryBatchRequest(batch_id=BATCH_ID, etag="y", request_id=TASK_ID)


def test_a_watch_of_all_names_the_batch_in_every_line(command: Command) -> None:
    events = [snapshot(1, labels={"a": "b"}), item_changed(2), finished(3)]
    command.peer.streams = [lambda _: [WatchBatchesResponse(events=events, resume_token="t"), SILENCE]]
    options = ["--label", "a=b", "--status", "PROCESSING", "--batch-only", "--heartbeat", 2, "--within", 1]
    outcome = command("watch", *options)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert f"  {BATCH_ID}  #2  {REPORT_ID} COMPLETED  " in lines[1]
    assert lines[-1] == f"Batch {BATCH_ID} is COMPLETED: 2 of 2 reports analysed."
    selection = BatchFilter(labels={"a": "b"}, statuses=[BATCH_STATUS_PROCESSING])
    expected = WatchBatchesRequest(filter=selection, exclude_item_events=True)
    expected.heartbeat_interval.seconds = 2
    assert command.sent("WatchBatches") == expected
    json_lines = command("watch", "--json", "--within", 1).out.splitlines()
    assert [json.loads(line)["sequence"] for line in json_lines] == [1, 2, 3]


def test_a_watch_of_one_that_takes_too_long_says_how_to_go_on(command: Command) -> None:
    command.peer.streams = [lambda _: [message(snapshot(1), item_changed(2)), SILENCE]]
    outcome = command("watch", BATCH_ID, "--within", 1, "--batch-only", "--heartbeat", 2)
    assert outcome.code == 1
    assert outcome.err == (
        "fna-reports: it was not over within 1 s\n"
        f"The batch goes on. Continue with: fna-reports watch {BATCH_ID} --server {command.peer.target} "
        "--after-sequence 2\n"
    )
    sent = cast("WatchBatchRequest", command.sent("WatchBatch"))
    assert (sent.exclude_item_events, sent.heartbeat_interval.seconds) == (True, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--after-sequence", "0"], "--task-id and --after-sequence are of one batch: name it"),
        ([BATCH_ID, "--label", "a=b"], "--label and --status choose among all batches: leave them out, or BATCH_ID"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(command: Command, words: list[str], said: str) -> None:
    assert command("watch", *words) == (2, "", f"fna-reports: {said}\n")
