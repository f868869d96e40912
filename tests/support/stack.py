"""The product's processes for one test: server, workers and gateway on free ports, with a database of their own."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psycopg2
from psycopg2.extras import RealDictCursor

from fna.reports import ReportsClient
from fna.reports.v1.batch_pb2 import Batch
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K
from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
PLUGIN = Path(__file__).with_name("plugin")
"""A folder in which a package is installed whose processors are those of `tests.support.processors`."""
_START_SECONDS = 60.0
_LISTENING = re.compile(r"[Ll]istening on (?:http://)?([\d.]+:\d+)")
_READY = re.compile(r"celery@\S+ ready")


class Running:
    """A process that has come up, with all that it has printed; leaving it kills it, unless it has ended."""

    def __init__(self, process: Process, log: Path) -> None:
        self.process = process
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill it and all its children at once, as a crash of the machine does."""
        self.process.kill()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def quit(self) -> None:
        self.process.send_signal(signal.SIGQUIT)

    def ended_well(self, seconds: float = 30) -> None:
        """Wait until it has ended by itself; fails unless with status 0 and without a traceback."""
        status = self.process.wait(seconds)
        assert status == 0, f"exit status {status}:\n{self.output()}"
        assert "Traceback" not in self.output(), self.output()


class StrayWorker:
    """A worker without a guardian, which would end its children with it."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, log: Path) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
            )

    def kill_parent(self) -> None:
        """Kill the worker and leave its children."""
        self._process.kill()
        self._process.wait(20)

    def kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)


class Stack:
    """Starts the processes that tests ask for; kills those that still run when it is left.

    `settings` are environment variables for all of them.
    """

    def __init__(self, database_url: str, folder: Path, **settings: str) -> None:
        self.database_url = database_url
        self.folder = folder
        self.grpc_address = "127.0.0.1:0"
        self.rest_address = "127.0.0.1:0"
        self._settings = settings
        self._numbers = itertools.count(1)
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def start_server(self, *options: str) -> Running:
        """Start the gRPC server, at the address that it had before."""
        module = [sys.executable, "-m", "reports_server", *options]
        server = self._start("server", module, FNA_REPORTS_GRPC_ADDRESS=self.grpc_address)
        self.grpc_address = self._wait_for(server, _LISTENING)
        return server

    def start_gateway(self) -> Running:
        """Start the REST gateway of the server, at the address that it had before."""
        module = [sys.executable, "-m", "reports_gateway"]
        addresses = {"FNA_REPORTS_REST_ADDRESS": self.rest_address, "FNA_REPORTS_SERVER": self.grpc_address}
        gateway = self._start("gateway", module, **addresses)
        self.rest_address = self._wait_for(gateway, _LISTENING)
        return gateway

    def start_worker(self, *options: str, concurrency: int = 2) -> Running:
        """Start a worker and wait until it takes work; `options` are further ones of `celery worker`."""
        worker = self._start("worker", worker_command(f"--concurrency={concurrency}", *options))
        self._wait_for(worker, _READY)
        return worker

    def start_watch(self, batch_id: str) -> Running:
        """Start the command that prints the whole history of a batch, one JSON object a line, and ends with it."""
        command = [sys.executable, "-m", "fna.reports.cli", "--server", self.grpc_address]
        return self._start("watch", [*command, "watch", batch_id, "--after-sequence", "0", "--json"])

    def start_stray_worker(self, *options: str, concurrency: int = 2) -> StrayWorker:
        """Start a worker whose children outlive it when only it is killed; the others' children do not."""
        log = self.folder / f"worker-{next(self._numbers)}.log"
        worker = StrayWorker(
            worker_command(f"--concurrency={concurrency}", *options), self.environment(), self.folder, log
        )
        self._resources.callback(worker.kill_group)
        eventually(lambda: _READY.search(log.read_text()), _START_SECONDS, "the start of the worker")
        return worker

    def client(self) -> ReportsClient:
        """Return a client of the server; the caller closes it."""
        return ReportsClient(self.grpc_address)

    def upload(self, *texts: str) -> list[str]:
        """Upload documents and return the ids of their reports; equal texts become different reports."""
        company = uuid4()
        with self.client() as client:
            return [
                client.upload(
                    f"{text}\nNumber {number}\n".encode(), company_id=company, report_type=REPORT_TYPE_10_K
                ).report_id
                for number, text in enumerate(texts)
            ]

    def submit(self, *texts: str) -> Batch:
        """Upload documents and submit them as one batch."""
        report_ids = self.upload(*texts)
        with self.client() as client:
            return client.submit(report_ids).message

    def finished(self, batch_id: str, seconds: float = 60) -> Batch:
        """Wait until the batch is final and return it with its items."""
        final = "SELECT 1 FROM batches WHERE batch_id = %s AND processed_at IS NOT NULL"
        eventually(lambda: self.rows(final, batch_id), seconds, f"the end of batch {batch_id}")
        with self.client() as client:
            return client.get_batch(batch_id)

    def rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Return what a statement finds in the database."""
        with contextlib.closing(psycopg2.connect(self.database_url, connect_timeout=10)) as connection:
            connection.autocommit = True
            with connection.cursor(cursor_factory=RealDictCursor) as cursor:
                cursor.execute(statement, parameters)
                return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a process of this stack."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FNA_REPORTS_")}
        return kept | {
            "PYTHONPATH": python_path(PLUGIN),
            "DATABASE_URL": self.database_url,
            # What Celery leaves behind when it is killed.
            "TMPDIR": str(self.folder),
            "FNA_REPORTS_DOCUMENTS_URL": str(self.folder / "documents"),
            "FNA_REPORTS_LEASE_SECONDS": "2",
            "FNA_REPORTS_SWEEP_SECONDS": "0.5",
            **self._settings,
            **settings,
        }

    def _start(self, name: str, command: list[str], **settings: str) -> Running:
        log = self.folder / f"{name}-{next(self._numbers)}.log"
        process = Process(
            name, command, output=FileOutput(log), environment=self.environment(**settings), folder=self.folder
        )
        process.start()
        running = Running(process, log)
        self._resources.callback(running.kill)
        return running

    def _wait_for(self, started: Running, line: re.Pattern[str]) -> str:
        wait_until(
            lambda: line.search(started.output()),
            _START_SECONDS,
            f"the start of the {started.process.name}",
            processes=[started.process],
        )
        found: str = line.findall(started.output())[0]
        return found


def python_path(*folders: Path) -> str:
    """Return the `PYTHONPATH` of processes that find the packages of the folders and those that this process runs."""
    return os.pathsep.join(dict.fromkeys([*map(str, folders), str(ROOT), *filter(None, sys.path)]))


def worker_command(*options: str) -> list[str]:
    """Return the command that starts a worker as the operator's guide has it."""
    return [
        *(sys.executable, "-m", "celery", "-A", "reports_worker.app:celery_app", "worker", "--loglevel=info"),
        "--queues=batch_processing,report_processing,default",
        *options,
    ]
