"""`./run up` as scripts and operators use it: real processes and an embedded PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from fna.reports import ReportsClient
from fna.reports.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K
from reports_dev.demo_documents import samples
from tests.support.dev_command import DevCommand, DevCommands, dev_commands

pytestmark = pytest.mark.timeout(180)

COMPANY_ID = "5b6a0b9e-7d57-4a0c-9d57-0a3f0b8e2a11"


@pytest.fixture
def commands() -> Iterator[DevCommands]:
    with dev_commands() as commands:
        yield commands


def described(up: DevCommand) -> dict[str, Any]:
    """Return what `up --json` says about itself once it is ready."""
    up.wait_for('"database_url"')
    [line] = up.stdout.splitlines()
    description: dict[str, Any] = json.loads(line)
    return description


def analysed_batch(target: str) -> str:
    with ReportsClient(target) as client:
        report = client.upload(samples()[0].path, company_id=COMPANY_ID, report_type=REPORT_TYPE_10_K)
        batch = client.submit([report.report_id])
        for _ in client.watch(batch.batch_id):
            pass
        assert client.get_batch(batch.batch_id).status == BATCH_STATUS_COMPLETED
        return batch.batch_id


def test_its_json_has_usable_addresses_and_sigterm_ends_it_with_0(commands: DevCommands) -> None:
    up = commands.start("up", "--json", "--ephemeral")
    addresses = described(up)
    batch_id = analysed_batch(addresses["grpc"])
    assert httpx.get(f"{addresses['rest']}/v1/reports/batch/{batch_id}").json()["status"] == "COMPLETED"
    with contextlib.closing(psycopg2.connect(addresses["database_url"])) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM celery_taskmeta")
        assert cursor.fetchall() == [("SUCCESS",)]
    assert len(list(Path(addresses["documents_url"]).iterdir())) == 1
    assert up.end_by(signal.SIGTERM) == 0
    assert len(up.stdout.splitlines()) == 1
    assert "Traceback" not in up.stderr
    commands.nothing_is_left()
    assert list(commands.temporary.iterdir()) == []


def test_data_is_kept_between_runs_and_held_by_one_at_a_time(commands: DevCommands) -> None:
    words = ("up", "--json", "--data-dir", commands.folder / "data")
    first = commands.start(*words)
    batch_id = analysed_batch(described(first)["grpc"])
    refused = commands.run(*words)
    assert refused.wait() == 1
    assert "is in use by another `./run up`" in refused.stderr
    assert first.end_by(signal.SIGINT) == 0

    second = commands.start(*words)
    with ReportsClient(described(second)["grpc"]) as client:
        assert client.get_batch(batch_id).status == BATCH_STATUS_COMPLETED
    assert second.end_by(signal.SIGTERM) == 0


def test_two_checkouts_run_side_by_side(commands: DevCommands) -> None:
    both = [commands.start("up", "--json", "--data-dir", commands.folder / name) for name in ("one", "other")]
    one, other = map(described, both)
    assert all(one[name] != other[name] for name in ("grpc", "rest", "database_url", "documents_url", "logs_dir"))
    batch_id = analysed_batch(one["grpc"])
    assert httpx.get(f"{other['rest']}/v1/reports/batch/{batch_id}").status_code == 404


def test_a_process_that_dies_is_told_with_its_log_and_started_again(commands: DevCommands) -> None:
    up = commands.start("up", "--json", "--ephemeral")
    addresses = described(up)
    for name in ("server", "worker", "gateway"):
        os.kill(addresses["pids"][name], signal.SIGKILL)
        up.wait_for(f"the {name} is ready again")
        assert f"{name} ended with signal SIGKILL.\n    " in up.stderr
    batch_id = analysed_batch(addresses["grpc"])
    assert httpx.get(f"{addresses['rest']}/v1/reports/batch/{batch_id}").json()["status"] == "COMPLETED"
    assert up.end_by(signal.SIGTERM) == 0


def test_it_ends_when_its_database_does(commands: DevCommands) -> None:
    up = commands.start("up", "--json", "--data-dir", commands.folder / "data")
    described(up)
    postmaster = commands.folder / "data" / "postgres" / "pgdata" / "postmaster.pid"
    os.kill(int(postmaster.read_text().splitlines()[0]), signal.SIGINT)
    assert up.wait() == 1
    assert "PostgreSQL has ended." in up.stderr
