"""The command says what happened, in text and in JSON, and its exit code tells a script how it went."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, QuotaFailure

from fna.reports import company_id
from fna.reports.cli import main
from fna.reports.cli.arguments import parser
from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_FAILED,
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_CANCELLING,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
    BATCH_STATUS_PROCESSING,
    BATCH_VIEW_BASIC,
    BATCH_VIEW_FULL,
    BatchItem,
    BatchStatus,
)
from fna.reports.v1.batch_status_service_pb2 import (
    BatchFilter,
    GetBatchRequest,
    GetBatchResponse,
    ListBatchesRequest,
    ListBatchesResponse,
    ListBatchItemsRequest,
    ListBatchItemsResponse,
    WatchBatchRequest,
)
from fna.reports.v1.batch_submission_service_pb2 import (
    CancelBatchRequest,
    CancelBatchResponse,
    RetryBatchRequest,
    RetryBatchResponse,
    SubmitBatchRequest,
    SubmitBatchResponse,
)
from fna.reports.v1.report_pb2 import (
    REPORT_TYPE_8_K,
    REPORT_TYPE_10_K,
    REPORT_TYPE_ANNUAL,
    SECTION_TYPE_MD_A,
    ModelFinding,
    ModelReview,
    NarrativeTheme,
    Report,
    ReportAnalysis,
    Score,
)
from fna.reports.v1.report_service_pb2 import (
    NARRATIVE_SIGNIFICANCE_MODERATE,
    GetNarrativeDeltaRequest,
    GetNarrativeDeltaResponse,
    GetReportAnalysisResponse,
    GetReportResponse,
    MetricDelta,
    NarrativeDelta,
    ScoreChanges,
    SectionDelta,
    UploadReportRequest,
    UploadReportResponse,
)
from tests.unit.client_command import Command
from tests.unit.client_peer import (
    BATCH_ID,
    REPORT_ID,
    TASK_ID,
    Peer,
    batch,
    finished,
    item_changed,
    message,
    refusal,
    snapshot,
    unavailable,
)

pytestmark = pytest.mark.timeout(60)

OTHER_REPORT_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c09"
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def command(peer: Peer, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(peer, capsys)


@pytest.fixture
def filings(tmp_path: Path) -> Path:
    """Return a folder with three documents, one of them in a folder of its own, and what is no document."""
    for name in ("10k_acme.htm", "old/8-K_acme.txt", "20f_acme.PDF", "notes.md", ".hidden/x.txt", ".x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}")
    return tmp_path


def uploads(peer: Peer) -> list[UploadReportRequest.Header]:
    return [cast("UploadReportRequest", messages[0]).header for messages in peer.requests["UploadReport"]]


def accept_uploads(peer: Peer) -> None:
    peer.answers["UploadReport"] = [
        UploadReportResponse(report=Report(report_id=REPORT_ID)),
        UploadReportResponse(report=Report(report_id=OTHER_REPORT_ID)),
    ]


def test_upload_takes_files_and_folders_and_prints_ids(command: Command, filings: Path) -> None:
    accept_uploads(command.peer)
    outcome = command("upload", filings / "notes.md", filings, "--company", "Acme", "--fiscal-period", "FY 2024")
    assert outcome == (0, f"{REPORT_ID}\n" + f"{OTHER_REPORT_ID}\n" * 3, "")
    headers = uploads(command.peer)
    assert [header.report.file_name for header in headers] == [
        "notes.md",
        "10k_acme.htm",
        "20f_acme.PDF",
        "8-K_acme.txt",
    ]
    assert [header.report.report_type for header in headers[1:]] == [
        REPORT_TYPE_10_K,
        REPORT_TYPE_ANNUAL,
        REPORT_TYPE_8_K,
    ]
    assert {header.report.company_id for header in headers} == {str(company_id("acme"))}
    assert {header.report.fiscal_period for header in headers} == {"FY 2024"}


def test_one_refused_upload_does_not_stop_the_others(command: Command, filings: Path) -> None:
    field = BadRequest.FieldViolation(field="header.report.filing_date", description="must be YYYY-MM-DD")
    command.peer.answers["UploadReport"] = [
        refusal(INVALID, "INVALID_REQUEST", BadRequest(field_violations=[field]), text="the request is invalid"),
        UploadReportResponse(report=Report(report_id=REPORT_ID)),
    ]
    outcome = command("upload", filings, "--type", "10-K")
    assert (outcome.code, outcome.out) == (1, f"{REPORT_ID}\n" * 2)
    assert outcome.err == (
        f"{filings}/10k_acme.htm: the request is invalid\n  header.report.filing_date: must be YYYY-MM-DD\n"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.htm", "there is no such file or folder"),
        ("empty", "the folder has no document (.htm, .html, .pdf, .txt, .xhtml)"),
    ],
)
def test_a_path_without_documents_is_named(command: Command, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    assert command("upload", tmp_path / name) == (1, "", f"fna-reports: {tmp_path / name}: {said}\n")


def test_submit_takes_ids_files_and_standard_input(
    command: Command, filings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TASK_ID}\n{BATCH_ID}\n"))
    accept_uploads(command.peer)
    command.peer.answers["SubmitBatch"] = [SubmitBatchResponse(batch=batch())]
    options = [
        "--label",
        "a=b",
        "--label",
        "c=d=e",
        "--priority",
        9,
        "--request-id",
        TASK_ID,
        "--execution-timeout",
        60,
        "--webhook-url",
        "https://example.com/hooks",
    ]
    outcome = command("submit", REPORT_ID.replace("03", "04"), filings / "10k_acme.htm", "-", *options)
    assert outcome == (0, f"{BATCH_ID}\n", "")
    expected = SubmitBatchRequest(
        report_ids=[REPORT_ID.replace("03", "04"), REPORT_ID, TASK_ID, BATCH_ID],
        request_id=TASK_ID,
        labels={"a": "b", "c": "d=e"},
        priority=9,
        webhook_url="https://example.com/hooks",
    )
    expected.execution_timeout.seconds = 60
    assert command.sent("SubmitBatch") == expected


def test_nothing_is_submitted_when_an_upload_is_refused(command: Command, filings: Path) -> None:
    command.peer.answers["UploadReport"] = [refusal(INVALID, "INVALID_REQUEST", text="there is no content")]
    outcome = command("submit", filings / "10k_acme.htm")
    assert (outcome.code, outcome.out) == (1, "")
    assert "10k_acme.htm: there is no content" in outcome.err
    assert "Nothing was submitted." in outcome.err
    assert "SubmitBatch" not in command.peer.requests


def test_unknown_reports_are_named(command: Command) -> None:
    ids = ",".join([REPORT_ID] * 7)
    command.peer.answers["SubmitBatch"] = [
        refusal(grpc.StatusCode.NOT_FOUND, "REPORT_NOT_FOUND", text="12 unknown", report_ids=ids, unknown_count="12")
    ]
    outcome = command("submit", REPORT_ID)
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "fna-reports: 12 unknown",
        *[f"  unknown report: {REPORT_ID}"] * 5,
        "  and 7 more",
        "Upload it first: fna-reports upload FILE",
    ]


def test_a_delta_is_described(command: Command) -> None:
    command.peer.answers["GetNarrativeDelta"] = [
        GetNarrativeDeltaResponse(
            delta=NarrativeDelta(
                report_id=REPORT_ID,
                base_report_id=TASK_ID,
                base_fiscal_period="FY 2023",
                changes=ScoreChanges(optimism=-0.6, risk=0.1, uncertainty=0.0, overall=-0.23),
                themes_added=["impairment", "tariffs"],
                themes_removed=["growth"],
                significance_score=0.25,
                significance=NARRATIVE_SIGNIFICANCE_MODERATE,
                sections=[SectionDelta(type=SECTION_TYPE_MD_A, changes=ScoreChanges(optimism=0.5))],
                metrics=[
                    MetricDelta(
                        concept="us-gaap:Revenues",
                        unit="USD",
                        value=1200,
                        base_value=1000,
                        relative_change=0.2,
                        period_end="2024-12-31",
                        base_period_end="2023-12-31",
                    ),
                    MetricDelta(concept="us-gaap:ProfitLoss", unit="USD", value=5, base_value=0),
                ],
                warnings=["mind this"],
            )
        )
    ]
    outcome = command("delta", REPORT_ID, "--base", TASK_ID)
    assert cast("GetNarrativeDeltaRequest", command.sent("GetNarrativeDelta")).base_report_id == TASK_ID
    assert outcome.out.splitlines() == [
        f"Report      {REPORT_ID}",
        f"Base        {TASK_ID}  FY 2023",
        "Change      MODERATE  (0.25)",
        "Overall     -0.23",
        "Scores      optimism -0.60, risk +0.10, uncertainty +0.00",
        "Added       impairment, tariffs",
        "Removed     growth",
        "Sections",
        "  MD_A: optimism +0.50, risk +0.00, uncertainty +0.00",
        "Financial metrics",
        "  us-gaap:Revenues 2023-12-31 -> 2024-12-31: 1,000 -> 1,200 USD  +20.0%",
        "  us-gaap:ProfitLoss  -> : 0 -> 5 USD",
        "Warnings",
        "  mind this",
    ]


def test_a_report_without_a_predecessor_has_a_remedy(command: Command) -> None:
    command.peer.answers["GetNarrativeDelta"] = [
        refusal(grpc.StatusCode.NOT_FOUND, "PREVIOUS_REPORT_NOT_FOUND", text="no predecessor")
    ]
    outcome = command("delta", REPORT_ID)
    assert outcome.code == 1
    assert "fna-reports delta ID --base ID" in outcome.err


def test_validate_only_submits_nothing(command: Command) -> None:
    command.peer.answers["SubmitBatch"] = [SubmitBatchResponse(batch=batch())]
    outcome = command("submit", REPORT_ID, "--validate-only")
    assert outcome == (0, "", "1 reports can be submitted; nothing was.\n")
    assert cast("SubmitBatchRequest", command.sent("SubmitBatch")).validate_only


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (BATCH_STATUS_COMPLETED, 0),
        (BATCH_STATUS_PARTIALLY_COMPLETED, 3),
        (BATCH_STATUS_FAILED, 4),
        (BATCH_STATUS_CANCELLED, 5),
    ],
)
def test_the_exit_code_of_a_watch_tells_how_the_batch_ended(
    command: Command, status: BatchStatus.ValueType, code: int
) -> None:
    command.peer.streams = [lambda _: [message(snapshot(1), finished(2, status=status))]]
    outcome = command("watch", BATCH_ID)
    assert outcome.code == code
    assert f"Batch {BATCH_ID} is {BatchStatus.Name(status).removeprefix('BATCH_STATUS_')}: " in outcome.out


def test_a_piped_watch_prints_a_line_for_every_event(command: Command) -> None:
    error = refusal(INVALID, "DOCUMENT_EMPTY", text="the document is empty")
    failed = item_changed(3, status=BATCH_ITEM_STATUS_FAILED, error=error)
    failed.occurred_at.FromJsonString("2026-11-23T05:26:00.9Z")
    command.peer.streams = [lambda _: [message(snapshot(2), failed, finished(4))]]
    lines = command("watch", BATCH_ID).out.splitlines()
    assert lines[1] == (
        f"2026-11-23 05:26:00Z  #3  {REPORT_ID} FAILED, DOCUMENT_EMPTY: the document is empty  "
        "(1 of 2: 1 successful, 0 failed, 0 cancelled, 1 running)"
    )
    assert len(lines) == 4


def test_a_watch_in_json_is_the_events(command: Command) -> None:
    command.peer.streams = [lambda _: [message(snapshot(2), item_changed(3), finished(4))]]
    outcome = command("--json", "watch", BATCH_ID, "--after-sequence", 1, "--task-id", TASK_ID)
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert [event["sequence"] for event in events] == [2, 3, 4]
    assert events[0]["snapshot"]["status"] == "PROCESSING"
    assert set(events[1]) == {"batch_id", "sequence", "occurred_at", "item_changed"}
    assert events[2]["status_changed"]["batch"]["processed_at"] is None
    sent = cast("WatchBatchRequest", command.sent("WatchBatch"))
    assert (sent.after_sequence, sent.task_id) == (1, TASK_ID)


def test_a_watch_after_the_end_asks_how_it_ended(command: Command) -> None:
    command.peer.streams = [lambda _: []]
    command.peer.answers["GetBatch"] = [GetBatchResponse(batch=batch(status=BATCH_STATUS_FAILED, failed=2))]
    outcome = command("watch", BATCH_ID, "--after-sequence", 9)
    assert outcome.code == 4
    assert outcome.out.splitlines() == [
        f"Batch {BATCH_ID} is FAILED: 0 of 2 reports analysed, 2 failed.",
        f"Why: fna-reports items {BATCH_ID} --status FAILED",
        f"Once more: fna-reports retry {BATCH_ID} --watch",
    ]


def test_submit_and_watch_shows_names_and_exits_as_the_batch_ended(command: Command, filings: Path) -> None:
    accept_uploads(command.peer)
    command.peer.answers["SubmitBatch"] = [SubmitBatchResponse(batch=batch())]
    command.peer.streams = [lambda _: [message(snapshot(1), item_changed(2), finished(3, status=BATCH_STATUS_FAILED))]]
    outcome = command("submit", filings / "10k_acme.htm", "--watch")
    assert outcome.code == 4
    assert "10k_acme.htm COMPLETED" in outcome.out
    assert outcome.err == f"Batch {BATCH_ID}, 2 reports\n"
    assert cast("WatchBatchRequest", command.sent("WatchBatch")).task_id == TASK_ID


def test_get_shows_a_batch_and_with_json_its_items(command: Command) -> None:
    labelled = batch(labels={"b": "2", "a": "1"}, successful=1)
    labelled.created_at.FromJsonString("2026-11-23T05:26:00Z")
    command.peer.answers["GetBatch"] = [GetBatchResponse(batch=labelled)]
    text = command("get", BATCH_ID, "--task-id", TASK_ID)
    assert "Reports     1 of 2: 1 successful, 0 failed, 0 cancelled, 0 running" in text.out.splitlines()
    assert "Labels      a=1 b=2" in text.out.splitlines()
    assert "Submitted   2026-11-23 05:26:00Z" in text.out.splitlines()
    data = json.loads(command("get", BATCH_ID, "--json").out)
    assert (data["status"], data["labels"], data["results"]) == ("PROCESSING", {"a": "1", "b": "2"}, [])
    assert (data["created_at"], data["processed_at"], data["last_sequence"]) == ("2026-11-23T05:26:00Z", None, 1)
    assert [messages[0] for messages in command.peer.requests["GetBatch"]] == [
        GetBatchRequest(batch_id=BATCH_ID, task_id=TASK_ID, view=BATCH_VIEW_BASIC),
        GetBatchRequest(batch_id=BATCH_ID, view=BATCH_VIEW_FULL),
    ]


def test_list_is_a_table_of_the_newest_batches(command: Command) -> None:
    command.peer.answers["ListBatches"] = [ListBatchesResponse(batches=[batch()] * 3, next_page_token="more")]
    options = ["--status", "processing", "--status", "CANCELLING", "--label", "a=b", "--limit", 2]
    lines = command("list", *options).out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("BATCH ")
    assert lines[1].startswith(f"{BATCH_ID}  PROCESSING ")
    selection = BatchFilter(statuses=[BATCH_STATUS_PROCESSING, BATCH_STATUS_CANCELLING], labels={"a": "b"})
    assert command.sent("ListBatches") == ListBatchesRequest(page_size=2, filter=selection)
    assert len(command("list", "--json", "--limit", 2).out.splitlines()) == 2


def test_an_empty_list_prints_nothing_but_a_note(command: Command) -> None:
    command.peer.answers["ListBatches"] = [ListBatchesResponse()]
    assert command("list") == (0, "", "There are none.\n")


def test_items_say_why_a_report_failed(command: Command) -> None:
    error = refusal(INVALID, "DOCUMENT_EMPTY", text="the document is empty", file="a.htm")
    item = BatchItem(report_id=REPORT_ID, status=BATCH_ITEM_STATUS_FAILED, attempt_count=3, error=error, progress=0.4)
    command.peer.answers["ListBatchItems"] = [ListBatchItemsResponse(items=[item])]
    assert command("items", BATCH_ID, "--status", "FAILED").out.splitlines()[1].split(maxsplit=4) == [
        "0",
        REPORT_ID,
        "FAILED",
        "3",
        "DOCUMENT_EMPTY: the document is empty",
    ]
    assert command.sent("ListBatchItems") == ListBatchItemsRequest(
        batch_id=BATCH_ID, statuses=[BATCH_ITEM_STATUS_FAILED]
    )
    data = json.loads(command("items", BATCH_ID, "--json").out)
    assert data["progress"] == 0.4
    assert data["error"] == {
        "code": "INVALID_ARGUMENT",
        "reason": "DOCUMENT_EMPTY",
        "message": "the document is empty",
        "metadata": {"file": "a.htm"},
    }


def test_cancel_and_retry_pass_on_their_options(command: Command) -> None:
    command.peer.answers["CancelBatch"] = [CancelBatchResponse(batch=batch(status=BATCH_STATUS_CANCELLING))]
    command.peer.answers["RetryBatch"] = [RetryBatchResponse(batch=batch())]
    assert "CANCELLING" in command("cancel", BATCH_ID, "--reason", "wrong files").out
    assert command("retry", BATCH_ID, "--report", REPORT_ID, "--request-id", TASK_ID).out == f"{BATCH_ID}\n"
    assert command.sent("CancelBatch") == CancelBatchRequest(batch_id=BATCH_ID, reason="wrong files")
    assert command.sent("RetryBatch") == RetryBatchRequest(
        batch_id=BATCH_ID, report_ids=[REPORT_ID], request_id=TASK_ID
    )


def test_report_and_analysis_are_readable(command: Command) -> None:
    command.peer.answers["GetReport"] = [
        GetReportResponse(report=Report(report_id=REPORT_ID, report_type=REPORT_TYPE_10_K))
    ]
    analysis = ReportAnalysis(
        report_id=REPORT_ID,
        optimism=Score(value=0.614, confidence=0.9),
        key_themes=[NarrativeTheme(label="supply chain", weight=0.25)],
        model_review=ModelReview(
            model="gpt-oss",
            summary="Sales grew. Costs fell.",
            findings=[ModelFinding(statement="Sales grew.", quote="sales grew 5%", section_type=SECTION_TYPE_MD_A)],
        ),
        warnings=["tags were malformed"],
    )
    command.peer.answers["GetReportAnalysis"] = [GetReportAnalysisResponse(analysis=analysis)]
    assert "Type        10-K" in command("report", REPORT_ID).out.splitlines()
    lines = command("analysis", REPORT_ID).out.splitlines()
    assert "Optimism    0.61  (confidence 0.90)" in lines
    assert "Themes      supply chain (25%)" in lines
    assert lines[-6:] == [
        "Review by gpt-oss",
        "  Sales grew. Costs fell.",
        "  - Sales grew. (MD_A)",
        "    “sales grew 5%”",
        "Warnings",
        "  tags were malformed",
    ]


def test_a_refusal_names_the_field_and_the_limit(command: Command) -> None:
    field = BadRequest.FieldViolation(field="labels", description="must have at most 32 pairs")
    quota = QuotaFailure.Violation(subject="report_ids", description="at most 100 a batch")
    details = (BadRequest(field_violations=[field]), QuotaFailure(violations=[quota]))
    command.peer.answers["SubmitBatch"] = [refusal(INVALID, "INVALID_REQUEST", *details, text="it is invalid")]
    assert command("submit", REPORT_ID) == (
        1,
        "",
        "fna-reports: it is invalid\n  labels: must have at most 32 pairs\n  report_ids: at most 100 a batch\n",
    )


def test_what_the_message_says_is_not_said_again(command: Command) -> None:
    field = BadRequest.FieldViolation(field="report_ids", description="must not contain duplicates")
    text = "report_ids: must not contain duplicates"
    command.peer.answers["SubmitBatch"] = [
        refusal(INVALID, "INVALID_REQUEST", BadRequest(field_violations=[field]), text=text)
    ]
    assert command("submit", REPORT_ID).err == f"fna-reports: {text}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "x"], "argument BATCH_ID: must be a UUID, not x"),
        (["list", "--label", "x"], "argument --label: must be KEY=VALUE, not x"),
        (
            ["list", "--status", "DONE"],
            "argument --status: invalid choice: 'DONE' (choose from 'PROCESSING', 'CANCELLING'",
        ),
        (["upload", "a", "--fiscal-period", "2024"], "--fiscal-period: must be like 'Q1 2024' or 'FY 2024', not 2024"),
        (["upload", "a", "--filing-date", "1.2.24"], "--filing-date: must be a day as YYYY-MM-DD, not 1.2.24"),
        (["list", "--limit", "-1"], "argument --limit: must be a whole number from 0, not -1"),
        (["list", "--timeout", "0"], "argument --timeout: must be seconds above 0, not 0"),
        (["--server", "http://x:1", "list"], "argument --server: must be HOST:PORT of the gRPC service"),
        (["list", "--server", "https://x"], "argument --server: must be HOST:PORT of the gRPC service"),
        (["submit"], "the following arguments are required: REPORT"),
        (["sumbit"], "argument COMMAND: invalid choice: 'sumbit'; did you mean submit?"),
        (["webhook", "sow"], "argument COMMAND: invalid choice: 'sow'; did you mean show?"),
        (["list", "--status", "complete"], "argument --status: invalid choice: 'COMPLETE'; did you mean COMPLETED?"),
        (["list", "--lable", "a=b"], "fna-reports list: unrecognized arguments: --lable a=b; did you mean --label?"),
        (["report", REPORT_ID, "x"], "unrecognized arguments: x\n"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(
    words: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words)
    assert raised.value.code == 2
    assert said in capsys.readouterr().err


def test_a_server_that_is_not_there_is_named_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with Peer() as gone:
        pass
    assert main(["--server", gone.target, "--timeout", "0.3", "list"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"fna-reports: cannot connect to {gone.target} within 0.3 s",
        "Is the server running? Name another one with --server HOST:PORT or FNA_REPORTS_SERVER.",
    ]


def test_the_server_is_that_of_the_environment_else_of_the_env_file(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.answers["ListBatches"] = [ListBatchesResponse()]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FNA_REPORTS_SERVER", raising=False)
    env_file = tmp_path / ".env"
    for line in (
        f"FNA_REPORTS_SERVER={peer.target}",
        f"export FNA_REPORTS_SERVER='{peer.target}'  # ours",
        f'FNA_REPORTS_SERVER = "{peer.target}"',
        f"FNA_REPORTS_SERVER={peer.target} # ours",
    ):
        env_file.write_text(f"# settings\nDATABASE_URL=postgresql://x#y\n\nnot a setting\n{line}\n")
        assert main(["list"]) == 0
    env_file.write_text("FNA_REPORTS_SERVER=127.0.0.1:1\n")
    monkeypatch.setenv("FNA_REPORTS_SERVER", peer.target)
    assert main(["list"]) == 0
    assert len(peer.requests["ListBatches"]) == 5


def test_every_command_explains_itself_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    names = list(command_names(parser()))
    assert len(names) > 20
    for name in names:
        with pytest.raises(SystemExit) as raised:
            main([*name.split(), "--help"])
        out = capsys.readouterr().out
        assert raised.value.code == 0
        assert f"\n  fna-reports {name}" in out.partition("examples:")[2]


def test_a_submission_whose_answer_was_lost_can_be_repeated_as_the_same_one(command: Command) -> None:
    command.peer.answers["SubmitBatch"] = [unavailable()]
    err = command("submit", REPORT_ID, "--timeout", 1).err
    sent = cast("SubmitBatchRequest", command.sent("SubmitBatch"))
    assert err.splitlines()[-1].endswith(f"run the same command with --request-id {sent.request_id}")


def command_names(of: argparse.ArgumentParser, prefix: str = "") -> Iterator[str]:
    """Yield the words of every command, those of a group included."""
    for action in of._actions:  # noqa: SLF001  # argparse tells the subcommands in no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, command in action.choices.items():
                yield f"{prefix}{name}"
                yield from command_names(command, f"{prefix}{name} ")


@pytest.mark.parametrize("words", [[], ["webhook"], ["--json"]])
def test_without_a_command_the_help_is_printed(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words)
    out, err = capsys.readouterr()
    assert (raised.value.code, err) == (2, "")
    assert "examples:\n  fna-reports " in out
