"""The client and the command against a server process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from uuid import uuid4

import pytest

from fna.reports import AsyncReportsClient, ReportsClient
from fna.reports.v1.batch_pb2 import BATCH_STATUS_CANCELLED, Batch, BatchEvent
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)

LISTENING = re.compile(r"listening on (\S+):")
TEXTS = ("Sales grew strongly and margins improved.", "Demand fell; we may not be able to repay our loans.")

Watch = Callable[[str, str, Callable[[BatchEvent], None]], None]


class Server:
    """A server process that can be killed and started again on the same port. It has no worker."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.target = "127.0.0.1:0"
        self._log = folder / "server.log"
        self._environment = {
            **environment(),
            "DATABASE_URL": database_url,
            "FNA_REPORTS_DOCUMENTS_URL": str(folder / "documents"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it listens."""
        settings = self._environment | {"FNA_REPORTS_GRPC_ADDRESS": self.target}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reports_server"], cwd=self._log.parent, env=settings, stdout=log, stderr=log
            )
        self.target = eventually(lambda: LISTENING.findall(self._log.read_text()), 60, "the start of the server")[0]

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)


def environment() -> dict[str, str]:
    """Return the environment without settings, for a process that finds the same packages as this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FNA_REPORTS_")}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    server = Server(database_url, tmp_path)
    server.start()
    yield server
    server.kill()


def submit(server: Server) -> Batch:
    """Submit a batch of two reports."""
    company = uuid4()
    with ReportsClient(server.target) as client:
        reports = [client.upload(text.encode(), company_id=company, report_type=REPORT_TYPE_10_K) for text in TEXTS]
        return client.submit([report.report_id for report in reports]).message


def watch(target: str, batch_id: str, seen: Callable[[BatchEvent], None]) -> None:
    with ReportsClient(target) as client:
        for event in client.watch(batch_id):
            seen(event)


def watch_async(target: str, batch_id: str, seen: Callable[[BatchEvent], None]) -> None:
    async def run() -> None:
        async with AsyncReportsClient(target) as client:
            async for event in client.watch(batch_id):
                seen(event)

    asyncio.run(run())


@pytest.mark.parametrize("watching", [watch, watch_async])
def test_a_watch_continues_without_a_gap_or_a_repeat_when_its_server_is_killed(server: Server, watching: Watch) -> None:
    batch = submit(server)
    events: SimpleQueue[BatchEvent] = SimpleQueue()
    with ThreadPoolExecutor(1) as threads:
        watched = threads.submit(watching, server.target, batch.batch_id, events.put)
        seen = [events.get(timeout=20)]
        server.kill()
        server.start()
        with ReportsClient(server.target) as client:
            client.cancel(batch.batch_id, reason="seen enough")
        watched.result(30)
    while not events.empty():
        seen.append(events.get())
    assert seen[0].HasField("snapshot")
    assert seen[-1].status_changed.batch.status == BATCH_STATUS_CANCELLED
    assert [event.sequence for event in seen] == list(range(batch.last_sequence, seen[-1].sequence + 1))
    assert len(seen) > 1


def test_the_command_takes_files_to_the_end_of_their_batch(server: Server, tmp_path: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fna.reports.cli", "--server", server.target, *words],
            env=environment(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    for number, text in enumerate(TEXTS):
        (tmp_path / f"10k_acme_{number}.txt").write_text(text)
    uploaded = command("upload", "10k_acme_0.txt", "10k_acme_1.txt", "--company", "Acme")
    report_ids = uploaded.stdout.split()
    assert (uploaded.returncode, len(report_ids), uploaded.stderr) == (0, 2, "")
    assert "Type        10-K" in command("report", report_ids[0]).stdout

    submitted = command("submit", *report_ids, "--label", "quarter=Q1-2024")
    batch_id = submitted.stdout.strip()
    assert command("list", "--label", "quarter=Q1-2024").stdout.splitlines()[1].startswith(f"{batch_id}  PROCESSING")
    assert [json.loads(line)["report_id"] for line in command("items", batch_id, "--json").stdout.splitlines()] == (
        report_ids
    )

    assert command("cancel", batch_id).returncode == 0
    watched = command("watch", batch_id, "--after-sequence", "0")
    assert watched.returncode == 5
    assert f"Batch {batch_id} is CANCELLED: 0 of 2 reports analysed, 2 cancelled." in watched.stdout
    refused = command("submit", str(uuid4()))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "register or upload" in refused.stderr
