"""The doctor at a running installation, and at what is left of one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

ALL_WELL = {
    "address",
    "connection",
    "health",
    "latency",
    "version",
    "clock",
    "events",
    "migrations",
    "workers",
    "queue batch_processing",
    "queue report_processing",
    "queue default",
    "work",
}

Line = dict[str, str]


@pytest.fixture
def stack(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Give a server on a database of its own; no worker and no gateway."""
    with Stack(database_url, tmp_path) as stack:
        stack.start_server()
        yield stack


def run(stack: Stack, address: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fna.reports.cli", "doctor", "--server", address, *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=stack.environment(), cwd=stack.folder, timeout=60, check=False
    )


def doctor(stack: Stack, address: str = "") -> tuple[int, dict[str, Line]]:
    """Return the exit code and the findings by their check."""
    done = run(stack, address or stack.grpc_address, "--json")
    assert done.stderr == ""
    lines: list[Line] = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {line["check"]: line for line in lines}


def statuses(lines: dict[str, Line]) -> dict[str, str]:
    """Return the findings that are not ok."""
    return {check: line["status"] for check, line in lines.items() if line["status"] != "ok"}


def test_without_a_worker_what_waits_fails_and_with_one_all_is_well(stack: Stack) -> None:
    code, lines = doctor(stack)
    assert (code, statuses(lines)) == (0, {"workers": "warn"})
    assert lines.keys() == ALL_WELL

    batch = stack.submit("Sales grew strongly.")
    code, lines = doctor(stack)
    assert (code, statuses(lines)) == (1, {"workers": "fail"})
    assert "batch_processing" in lines["workers"]["found"]
    stack.rows("UPDATE kombu_message SET timestamp = now() - interval '5 minutes'")
    code, lines = doctor(stack)
    assert (code, statuses(lines)) == (1, {"workers": "fail", "queue batch_processing": "fail"})
    assert lines["queue batch_processing"]["found"].startswith("1 waiting, the oldest for 5 min")

    # Where the remedy is a command, it is the one that helps.
    assert lines["workers"]["remedy"].startswith("celery -A reports_worker.app:celery_app worker ")
    worker = stack.start_worker()
    stack.finished(batch.batch_id)
    code, lines = doctor(stack)
    assert (code, statuses(lines)) == (0, {})
    assert lines.keys() == ALL_WELL
    assert lines["workers"]["found"].startswith(f"1 alive: process {_worker_pid(stack)} on ")

    worker.kill()
    killed = eventually(lambda: _without_life(stack), 20, "the worker's death to be noticed")
    assert killed["workers"]["status"] == "warn"


def _worker_pid(stack: Stack) -> int:
    (row,) = stack.rows("SELECT pid FROM kombu_consumer")
    return int(row["pid"])


def _without_life(stack: Stack) -> dict[str, Line]:
    _, lines = doctor(stack)
    return lines if lines["workers"]["found"].startswith("none alive: no sign of life") else {}


def test_a_database_at_another_revision_is_told(stack: Stack) -> None:
    stack.rows("UPDATE alembic_version SET version_num = '0001'")
    code, lines = doctor(stack)
    assert (code, lines["migrations"]["status"]) == (1, "fail")
    assert "at revision 0001, the server needs" in lines["migrations"]["found"]
    stack.rows("UPDATE alembic_version SET version_num = '9999'")
    code, lines = doctor(stack)
    assert (code, lines["migrations"]["status"]) == (0, "warn")
    assert "fna-reports-server" in lines["migrations"]["remedy"]


def test_the_address_of_the_gateway_is_told_for_what_it_is(stack: Stack) -> None:
    stack.start_gateway()
    code, lines = doctor(stack, stack.rest_address)
    assert (code, statuses(lines)) == (1, {"connection": "fail"})
    assert "is an HTTP/1 server" in lines["connection"]["found"]
    assert "--server 127.0.0.1:50051" in lines["connection"]["remedy"]


def test_a_server_that_is_stopped_is_told_with_how_to_start_it(database_url: str, tmp_path: Path) -> None:
    with Stack(database_url, tmp_path) as stack:
        server = stack.start_server()
        server.terminate()
        server.ended_well()
        code, lines = doctor(stack)
    assert (code, statuses(lines)) == (1, {"address": "fail"})
    assert "python -m reports_server" in lines["address"]["remedy"]


def test_a_server_with_some_services_is_told_which_it_lacks(database_url: str, tmp_path: Path) -> None:
    with Stack(database_url, tmp_path) as stack:
        stack.start_server("--services", "status,diagnostics")
        code, lines = doctor(stack)
    assert (code, lines["health"]["status"]) == (0, "warn")
    assert lines["health"]["found"] == "this server does not run BatchSubmissionService, ReportService"


def test_for_people_there_is_a_line_for_each_check_and_a_summary(stack: Stack) -> None:
    done = run(stack, stack.grpc_address)
    assert done.returncode == 0
    findings = [line for line in done.stdout.splitlines() if not line.startswith("      -> ")]
    assert len(findings) == len(ALL_WELL)
    assert {line[:6] for line in findings} == {"ok    ", "warn  "}
    assert done.stderr == f"{len(ALL_WELL)} checks: 0 failed, 1 to look at\n"
