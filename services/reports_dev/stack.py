"""The processes of FNA Reports around one database: gRPC server, worker, gateway."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from reports_dev.database import Database
from reports_dev.errors import ProcessError
from reports_dev.service import Service

FREE_ADDRESS = "127.0.0.1:0"

_GRPC = "FNA_REPORTS_GRPC_ADDRESS"
_REST = "FNA_REPORTS_REST_ADDRESS"
_QUEUES = "batch_processing,report_processing,default"


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run the processes.

    Addresses are `host:port`, where port 0 takes a free one. Of several the first is used that nobody else has.
    """

    logs_dir: Path
    documents_url: str | None
    """None leaves it to the user's settings."""
    temporary_dir: Path
    """For what a killed process leaves behind."""
    concurrency: int
    grpc_addresses: tuple[str, ...] = (FREE_ADDRESS,)
    rest_addresses: tuple[str, ...] = (FREE_ADDRESS,)
    stop_seconds: float = 30.0
    """How long a process has for its work in hand after it was asked to stop."""


class Stack:
    """Processes that run until the context is left.

    The parts are started one by one, since each is of use to the caller before the others are ready.
    """

    def __init__(self, database: Database, plan: Plan) -> None:
        self.database = database
        self.plan = plan
        self.grpc_address = ""
        self.rest_url = ""
        python = sys.executable
        worker = ["worker", "--loglevel=info", f"--queues={_QUEUES}", f"--concurrency={plan.concurrency}"]
        self.server = self._service("server", [python, "-m", "reports_server"], r" listening on (\S+):")
        self.worker = self._service(
            "worker", [python, "-m", "celery", "-A", "reports_worker.app:celery_app", *worker], r" (\S+) ready\."
        )
        self.gateway = self._service("gateway", [python, "-m", "reports_gateway"], r" Listening on (\S+)")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with ThreadPoolExecutor(len(self.services)) as threads:
            for _ in threads.map(Service.stop, self.services):
                pass

    @property
    def services(self) -> tuple[Service, ...]:
        """All that runs beside the database, in the order of starting."""
        return (self.server, self.worker, self.gateway)

    def start_server_and_worker(self) -> None:
        """Start both; neither waits for the other."""
        self.server.start(self._environment() | {_GRPC: self.plan.grpc_addresses[0]})
        self.worker.start(self._environment())

    def wait_for_server(self) -> str:
        """Wait until the gRPC server listens and return its address; it is the same when it is started again."""
        self.grpc_address = _ready_at_one_of(self.server, _GRPC, self.plan.grpc_addresses)
        self.server.keep(_GRPC, self.grpc_address)
        return self.grpc_address

    def start_gateway(self) -> None:
        """Start the gateway of the server, which has to listen."""
        targets = ("SERVER", "SUBMISSION_SERVER", "STATUS_SERVER", "REPORT_SERVER")
        settings = {f"FNA_REPORTS_{name}": self.grpc_address for name in targets}
        self.gateway.start(self._environment() | settings | {_REST: self.plan.rest_addresses[0]})

    def wait_for_gateway(self) -> str:
        """Wait until the gateway listens and return its URL; it is the same when it is started again."""
        self.rest_url = _ready_at_one_of(self.gateway, _REST, self.plan.rest_addresses)
        self.gateway.keep(_REST, self.rest_url.partition("://")[2])
        return self.rest_url

    def require_running(self) -> None:
        """Raise ProcessError, with the end of its log, when a part that was started has ended."""
        self.database.require_running()
        for service in self.services:
            if service.has_ended():
                service.require_running()

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Raise ProcessError in the main thread, whatever that waits for, as soon as a part ends."""
        # Each part has a guardian that is a child of ours and ends with it.
        before = signal.signal(signal.SIGCHLD, lambda *_: self.require_running())
        try:
            self.require_running()
            yield
        finally:
            signal.signal(signal.SIGCHLD, before)

    def _service(self, name: str, command: list[str], ready: str) -> Service:
        log = self.plan.logs_dir / f"{name}.log"
        return Service(name, command, ready, log, stop_seconds=self.plan.stop_seconds)

    def _environment(self) -> dict[str, str]:
        own = {"DATABASE_URL": self.database.url, "TMPDIR": str(self.plan.temporary_dir)}
        if self.plan.documents_url is not None:
            own["FNA_REPORTS_DOCUMENTS_URL"] = self.plan.documents_url
        return {**os.environ, **own}


def _ready_at_one_of(service: Service, variable: str, addresses: tuple[str, ...]) -> str:
    """Wait for a service that was started with the first address, starting it with the next when that is taken."""
    for address, other in pairwise(addresses):
        try:
            return service.wait_until_ready()
        except ProcessError as error:
            # All that a process says about an address of ours, which only this machine can reach.
            if f"{variable}={address}" not in str(error):
                raise
        service.keep(variable, other)
        service.start_again()
    return service.wait_until_ready()
