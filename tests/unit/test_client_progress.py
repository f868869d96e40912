"""The progress of a batch is folded from its events, and the live display shows what matters of it."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from rich.console import Console

from fna.reports import DeadlineExceededError, ReportsClient, UnavailableError
from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.batches_view import BatchesView
from fna.reports.cli.lines_view import LinesView
from fna.reports.cli.progress import default_view, follow, follow_all
from fna.reports.cli.terminal_view import TerminalView
from fna.reports.cli.upload_bar import UploadBar
from fna.reports.v1.batch_pb2 import (
    BATCH_ITEM_STATUS_CANCELLED,
    BATCH_ITEM_STATUS_COMPLETED,
    BATCH_ITEM_STATUS_FAILED,
    BATCH_ITEM_STATUS_PROCESSING,
    BATCH_ITEM_STATUS_RETRYING,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
    BatchCounters,
    BatchEvent,
    BatchItemsChanged,
)
from fna.reports.v1.batch_status_service_pb2 import WatchBatchesResponse
from tests.unit.client_peer import (
    BATCH_ID,
    REPORT_ID,
    SILENCE,
    Peer,
    finished,
    item_changed,
    item_progress,
    message,
    refusal,
    snapshot,
    unavailable,
)

OTHER_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c09"
RUNNING = {"status": BATCH_ITEM_STATUS_PROCESSING}


def progress_after(*events: BatchEvent) -> BatchProgress:
    progress = BatchProgress(BATCH_ID, {REPORT_ID: "10k_acme.htm"})
    for event in events:
        progress.apply(event)
    return progress


def test_counters_status_and_sequence_are_those_of_the_newest_event() -> None:
    progress = progress_after(snapshot(3, total_reports=5, failed=1), item_changed(4))
    assert (progress.counters.successful, progress.processed, progress.last_sequence) == (1, 1, 4)
    assert not progress.is_final
    progress.apply(finished(5))
    assert (progress.status, progress.is_final, progress.last_sequence) == (BATCH_STATUS_COMPLETED, True, 5)


def test_a_report_runs_from_its_start_to_its_end() -> None:
    progress = progress_after(item_changed(1, **RUNNING), item_progress(1, step="TEXT_EXTRACTION"))
    assert (progress.running[REPORT_ID].step, progress.running[REPORT_ID].fraction) == ("TEXT_EXTRACTION", 0.25)
    progress.apply(item_changed(2))
    assert progress.running == {}


@pytest.mark.parametrize("status", [BATCH_ITEM_STATUS_COMPLETED, BATCH_ITEM_STATUS_RETRYING])
def test_late_news_of_an_attempt_that_is_over_does_not_start_it_again(status: int) -> None:
    progress = progress_after(item_changed(1, **RUNNING), item_changed(2, status=status), item_progress(2))
    assert progress.running == {}
    progress.apply(item_changed(3, **RUNNING))
    assert list(progress.running) == [REPORT_ID]


def test_a_report_that_ran_before_the_watch_began_shows_with_its_first_step() -> None:
    assert list(progress_after(snapshot(3), item_progress(3)).running) == [REPORT_ID]


def test_reports_that_are_cancelled_together_stop_running() -> None:
    change = BatchItemsChanged(
        status=BATCH_ITEM_STATUS_CANCELLED, positions=[1, 2, 3], counters=BatchCounters(total_reports=4, cancelled=3)
    )
    progress = progress_after(
        item_changed(1, position=0, **RUNNING),
        item_changed(2, position=2, report_id=OTHER_ID, **RUNNING),
        BatchEvent(batch_id=BATCH_ID, sequence=3, items_changed=change),
        item_progress(3, report_id=OTHER_ID),
    )
    assert list(progress.running) == [REPORT_ID]
    assert progress.counters.cancelled == 3


def test_a_snapshot_replaces_what_was_known() -> None:
    progress = progress_after(item_changed(1, **RUNNING), item_changed(2, report_id=OTHER_ID), snapshot(90))
    assert (progress.running, progress.last_sequence) == ({}, 90)


def test_an_event_of_an_unknown_kind_counts_for_its_sequence() -> None:
    assert progress_after(snapshot(1), BatchEvent(batch_id=BATCH_ID, sequence=2)).last_sequence == 2


class Screen(NamedTuple):
    """A live display, and what it wrote."""

    view: TerminalView
    written: io.StringIO


@pytest.fixture
def screen() -> Screen:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system=None, width=120, legacy_windows=False)
    return Screen(TerminalView(console), written)


def test_the_display_has_a_bar_the_running_reports_and_the_errors(screen: Screen) -> None:
    error = refusal(grpc.StatusCode.INVALID_ARGUMENT, "DOCUMENT_EMPTY", text="the document is empty [sic]")
    with Peer() as peer, ReportsClient(peer.target) as client:
        peer.streams = [
            lambda _: [
                message(snapshot(1), item_changed(2, **RUNNING), item_progress(2, step="TEXT_EXTRACTION")),
                message(item_changed(3, report_id=OTHER_ID, status=BATCH_ITEM_STATUS_FAILED, error=error)),
                message(finished(4, status=BATCH_STATUS_PARTIALLY_COMPLETED, successful=1, failed=1)),
            ]
        ]
        progress = follow(client, BATCH_ID, names={REPORT_ID: "10k_acme.htm"}, view=screen.view)
    assert progress.status == BATCH_STATUS_PARTIALLY_COMPLETED
    text = screen.written.getvalue()
    assert f"{OTHER_ID} failed: DOCUMENT_EMPTY: the document is empty [sic]" in text
    last = text[text.rindex("PARTIALLY_COMPLETED \u2501") :]
    assert "2/2" in last
    assert "1 successful  1 failed  0 running" in last
    assert f"Once more: fna-reports retry {BATCH_ID} --watch" in last
    assert "TEXT_EXTRACTION" not in last


def test_the_display_draws_the_running_reports_by_name_and_step(screen: Screen) -> None:
    progress = progress_after(snapshot(1), item_changed(2, **RUNNING), item_progress(2, step="TEXT_EXTRACTION"))
    progress.apply(item_progress(2, report_id="[x]"))
    for number in range(9):
        progress.apply(item_changed(3 + number, report_id=f"report {number}", **RUNNING))
    with screen.view as view:
        view.show(item_progress(2), progress)
    text = screen.written.getvalue()
    assert "10k_acme.htm  TEXT_EXTRACTION  25%" in text
    assert "[x]" in text
    assert "and 3 more" in text


def test_the_display_says_that_it_is_reconnecting_until_it_has(screen: Screen) -> None:
    progress = progress_after(snapshot(1))
    with screen.view as view:
        view.interrupted(UnavailableError("socket closed"))
    assert "connection lost, continuing: socket closed" in screen.written.getvalue()
    view.show(snapshot(1), progress)
    before = len(screen.written.getvalue())
    with view:
        pass
    assert "connection lost" not in screen.written.getvalue()[before:]


def narrow(written: io.StringIO) -> Console:
    return Console(file=written, force_terminal=True, color_system=None, width=50, legacy_windows=False)


def test_a_narrow_display_has_the_counters_below_the_bar() -> None:
    written = io.StringIO()
    progress = progress_after(snapshot(1), item_changed(2, **RUNNING))
    with TerminalView(narrow(written)) as view:
        view.show(item_progress(2), progress)
        progress.apply(finished(3, status=BATCH_STATUS_PARTIALLY_COMPLETED, successful=1, failed=1))
        view.finish(progress)
    lines = written.getvalue().splitlines()
    bar = next(number for number, line in enumerate(lines) if "PARTIALLY_COMPLETED \u2501" in line)
    assert lines[bar].endswith("2/2 0:00:00")
    assert lines[bar + 1].strip() == "1 successful  1 failed  0 running"
    assert f"Once more: fna-reports retry {BATCH_ID} --watch" in lines  # Not broken where the terminal ends.


def test_the_display_of_many_batches_has_a_bar_for_each_that_is_not_over() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system=None, width=160, legacy_windows=False)
    batches = {name: BatchProgress(name) for name in ("first", "second")}
    error = refusal(grpc.StatusCode.INVALID_ARGUMENT, "CORRUPT", text="it is damaged")
    with BatchesView(console) as view:
        for progress in batches.values():
            progress.apply(snapshot(1, labels={"desk": "[north]"}))
            view.show(snapshot(1), progress)
        failed = item_changed(2, status=BATCH_ITEM_STATUS_FAILED, error=error)
        view.show(failed, batches["second"])
        view.interrupted(UnavailableError("socket closed"))
        before = len(written.getvalue())
        batches["first"].apply(finished(3))
        view.show(finished(3), batches["first"])
        view.finish(batches["first"])
    text = written.getvalue()
    assert re.search(r"first +PROCESSING", text[:before])
    assert "desk=[north]" in text
    assert f"{REPORT_ID} failed: CORRUPT: it is damaged" in text
    assert "connection lost, continuing: socket closed" in text
    assert "Batch first is COMPLETED: 2 of 2 reports analysed." in text
    last = text.rpartition("\x1b[2K")[2]
    assert re.search(r"second +PROCESSING", last)
    assert not re.search(r"first +PROCESSING", last)


def test_after_events_were_missed_only_what_is_open_has_a_bar() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system=None, width=160, legacy_windows=False)
    gone, open_ = snapshot(1), snapshot(1)
    gone.batch_id, open_.batch_id = "gone", "open"
    with Peer() as peer, ReportsClient(peer.target) as client:
        page = WatchBatchesResponse(events=[gone, open_], resume_token="a")
        expired = refusal(grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED", text="too old")
        again = WatchBatchesResponse(events=[open_], resume_token="b")
        peer.streams = [lambda _: [page, unavailable()], lambda _: [expired], lambda _: [again, SILENCE]]
        with pytest.raises(DeadlineExceededError):
            follow_all(client, BatchesView(console), within=timedelta(seconds=2))
    text = written.getvalue()
    assert "events were missed, starting again from the present: too old" in text
    assert re.search(r"gone +PROCESSING", text)
    last = text.rpartition("\x1b[2K")[2]
    assert re.search(r"open +PROCESSING", last)
    assert "gone" not in last


def test_more_batches_than_fit_show_when_others_end() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system=None, width=160, height=60, legacy_windows=False)
    batches = [BatchProgress(f"batch {number}") for number in range(22)]
    with BatchesView(console) as view:
        for progress in batches:
            progress.apply(snapshot(1))
            view.show(snapshot(1), progress)
        console.clear()
        assert "batch 20 " not in written.getvalue()
        batches[0].apply(finished(2))
        view.finish(batches[0])
    assert "batch 20 " in written.getvalue()
    assert "batch 21 " not in written.getvalue()


def test_the_upload_bar_counts_bytes_and_goes_away(tmp_path: Path) -> None:
    documents = [tmp_path / name for name in ("10k_[acme].htm", "10k_other.htm", "missing.htm")]
    for document in documents[:2]:
        document.write_bytes(b"x" * 1000)
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system=None, width=120, legacy_windows=False)
    bar = UploadBar(documents, console)
    bar.start()
    for number, document in enumerate(documents, 1):
        bar.next(document)
        bar.moved(500, 1000)
        with bar.paused():
            console.print(f"told {number}")
    bar.stop()
    text = written.getvalue()
    assert "1 of 3  10k_[acme].htm" in text
    assert "1.5/2.0 kB" in text
    assert text.index("told 1") < text.index("2 of 3  10k_other.htm") < text.index("told 2")
    assert not text.rpartition("\x1b[2K")[2].strip("\x1b[?25h\r\n ")


def test_without_a_terminal_progress_is_lines() -> None:
    assert isinstance(default_view(), LinesView)
