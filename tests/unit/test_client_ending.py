"""The command ends at once and for sure, whenever it is interrupted and whatever becomes of its output."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from fna.reports.v1.batch_pb2 import BATCH_ITEM_STATUS_PROCESSING
from fna.reports.v1.batch_status_service_pb2 import ListBatchesResponse
from fna.reports.v1.batch_submission_service_pb2 import SubmitBatchRequest
from tests.support.waiting import eventually
from tests.unit.client_peer import (
    BATCH_ID,
    REPORT_ID,
    SILENCE,
    Peer,
    batch,
    finished,
    item_changed,
    message,
    snapshot,
    unavailable,
)

pytestmark = pytest.mark.timeout(120)

# Says when signals are in order; before that it is Python that starts.
STARTED = "import sys; from fna.reports_command import Ending, main; Ending().install(); print('started', flush=True); "
COMMAND = [sys.executable, "-m", "fna.reports.cli"]


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@contextmanager
def running(words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a command whose output is read by the test; it is killed at the end if need be."""
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_to(process: subprocess.Popen[str], mark: str) -> None:
    """Read the output up to the line that has `mark`, and from then on in a thread, so that it is never in the way."""
    assert process.stdout is not None
    while mark not in process.stdout.readline():
        pass
    threading.Thread(target=process.stdout.read, daemon=True).start()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code, and what was told."""
    assert process.stderr is not None
    return process.wait(30), process.stderr.read()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_tells_how_to_continue(peer: Peer, number: signal.Signals, code: int) -> None:
    peer.streams = [lambda _: [message(snapshot(1), item_changed(2)), SILENCE]]
    with running([*COMMAND, "--server", peer.target, "watch", BATCH_ID]) as process:
        read_to(process, "#2")
        process.send_signal(number)
        told = f"The batch goes on. Continue with: fna-reports watch {BATCH_ID} --server {peer.target} "
        # An event that the signal comes in the middle of is told again.
        assert ended(process) in [(code, f"{told}--after-sequence {last}\n") for last in (1, 2)]


@pytest.mark.parametrize("moment", range(8))
def test_ctrl_c_at_any_moment_ends_it(peer: Peer, moment: int) -> None:
    peer.streams = [lambda _: [message(snapshot(1)), *(message(item_changed(number)) for number in range(2, 20_000))]]
    words = [sys.executable, "-c", f"{STARTED}sys.exit(main())", "--server", peer.target, "watch", BATCH_ID]
    with running(words) as process:
        # While it loads, connects and watches; and a second time, while it ends.
        read_to(process, "started" if moment < 5 else f"#{moment} ")
        for delay in (0.15 * (moment % 5), 0.001):
            threading.Event().wait(delay)
            process.send_signal(signal.SIGINT)
        code, told = ended(process)
        assert code == 130
        assert "Traceback" not in told


def test_an_interrupted_submission_can_be_repeated(peer: Peer) -> None:
    peer.answers["SubmitBatch"] = [unavailable(retry_after=timedelta(seconds=20))]
    with running([*COMMAND, "--server", peer.target, "submit", REPORT_ID]) as process:
        eventually(lambda: "SubmitBatch" in peer.requests, 30, "the submission")
        process.send_signal(signal.SIGINT)
        sent = cast("SubmitBatchRequest", peer.requests["SubmitBatch"][0][0])
        told = "It may have been done or not. To be sure, run the same command with --request-id"
        assert ended(process) == (130, f"{told} {sent.request_id}\n")


def test_who_started_it_may_ignore_the_signal(peer: Peer) -> None:
    peer.streams = [lambda _: [message(snapshot(1)), SILENCE]]
    words = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *COMMAND, "--server", peer.target, "watch", BATCH_ID]
    with running(words) as process:
        read_to(process, "#1")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143


def test_ctrl_c_in_a_terminal_leaves_the_cursor_visible(peer: Peer) -> None:
    peer.streams = [lambda _: [message(snapshot(1), item_changed(2)), SILENCE]]
    with in_terminal([*COMMAND, "--server", peer.target, "watch", BATCH_ID], TERM="xterm") as (process, controller):
        screen = read_screen(controller, "1/2")
        process.send_signal(signal.SIGINT)
        screen += read_screen(controller, None)
        assert process.wait(30) == 130
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l")
    assert re.search(
        r"\n\r?The batch goes on. Continue with: fna-reports watch \S+ --server \S+ --after-sequence", screen
    )


@pytest.mark.parametrize(
    ("variables", "absent"),
    [
        ({"TERM": "dumb"}, "\x1b"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "\x1b[3"),
        ({"TERM": "xterm", "COLUMNS": "30"}, "x" * 40),
    ],
    ids=["dumb", "colourless", "narrow"],
)
def test_a_display_is_what_the_terminal_can_show(peer: Peer, variables: dict[str, str], absent: str) -> None:
    running = item_changed(2, report_id="x" * 40, status=BATCH_ITEM_STATUS_PROCESSING)
    peer.streams = [lambda _: [message(snapshot(1), running), message(finished(3))]]
    with in_terminal([*COMMAND, "--server", peer.target, "watch", BATCH_ID], **variables) as (process, controller):
        screen = read_screen(controller, None)
        assert process.wait(30) == 0
    assert "COMPLETED: 2 of 2 reports analysed." in screen
    assert absent not in screen


@contextmanager
def in_terminal(words: Sequence[str], **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a command in a terminal, 100 columns wide unless the variables say so, and return what controls that."""
    controller, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": "100"} | variables
    with subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        try:
            yield process, controller
        finally:
            process.kill()
    os.close(controller)


def read_screen(controller: int, mark: str | None) -> str:
    """Return what is written to a terminal until `mark` comes, or else to the end."""
    written = b""
    while mark is None or mark.encode() not in written:
        try:
            piece = os.read(controller, 65_536)
        except OSError:  # How Linux says that the other end is closed.
            break
        if not piece:
            break
        written += piece
    return written.decode(errors="replace")


@pytest.mark.parametrize("words", [["list", "--limit", "0"], ["list", "--limit", "0", "--json"]])
def test_a_reader_that_has_had_enough_is_no_error(peer: Peer, words: list[str]) -> None:
    peer.answers["ListBatches"] = [ListBatchesResponse(batches=[batch()] * 1000, next_page_token="more")]
    with running([*COMMAND, "--server", peer.target, *words]) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert ended(process) == (1, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_error(peer: Peer, closed: str) -> None:
    peer.answers["ListBatches"] = [ListBatchesResponse(batches=[batch()])]
    words = ["sh", "-c", f'"$@" {closed}', "sh", *COMMAND, "--server", peer.target, "list"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (BATCH_ID in done.stdout) == (">&-" not in closed.split())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["completion", "bash"]])
def test_output_that_cannot_be_written_is_an_error(peer: Peer, words: list[str]) -> None:
    peer.answers["ListBatches"] = [ListBatchesResponse(batches=[batch()])]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "--server", peer.target, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "fna-reports: cannot write the output: No space left on device\n")


def test_what_the_character_set_lacks_is_no_error(peer: Peer) -> None:
    peer.answers["ListBatches"] = [ListBatchesResponse(batches=[batch(labels={"a": "\N{GREEK SMALL LETTER ALPHA}"})])]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    words = [*COMMAND, "--server", peer.target, "list"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("a=?\n")
