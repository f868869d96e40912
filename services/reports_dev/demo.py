"""`./run demo`: analyses reports from end to end on processes of its own, and shows it."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from fna.reports import (
    DataLossError,
    InvalidRequestError,
    LimitExceededError,
    ReportsClient,
    ReportsError,
    company_id,
)
from fna.reports.cli.documents import NoDocumentsError
from fna.reports.cli.exits import Exit, exit_of
from fna.reports.cli.lines_view import LinesView
from fna.reports.cli.problems import explain
from fna.reports.cli.progress import default_view, follow
from fna.reports.v1.batch_pb2 import BATCH_ITEM_STATUS_COMPLETED, Batch
from fna.reports.v1.report_pb2 import Report
from reports_dev.database import Database, database
from reports_dev.demo_documents import DemoDocument, documents_of_user, samples
from reports_dev.errors import DevelopmentError
from reports_dev.hints import hint_lines
from reports_dev.interruption import Terminated
from reports_dev.kept_logs import keep_logs
from reports_dev.log_echo import LogEcho
from reports_dev.narration import Narration
from reports_dev.results_table import Result, print_results
from reports_dev.stack import Plan, Stack
from reports_dev.temporary import temporary_folder

# The largest report there may be, on a busy machine.
_CALL_TIMEOUT = timedelta(minutes=2)
_RECONNECT_WITHIN = timedelta(seconds=30)
# What is thrown away needs no tidy end.
_STOP_SECONDS = 1.0
_STOP_SECONDS_OF_KEPT_DATA = 30.0

Uploaded = Mapping[str, tuple[DemoDocument, Report]]
"""The documents that the server took, by the id of their report, in order."""


def run(arguments: argparse.Namespace, narration: Narration) -> Exit:
    """Run the demo that the arguments describe; raises DevelopmentError when that is not possible."""
    try:
        documents = documents_of_user(arguments.paths) if arguments.paths else samples()
    except NoDocumentsError as error:
        raise DevelopmentError(str(error)) from None
    with ExitStack() as resources:
        folder = resources.enter_context(temporary_folder("demo"))
        logs = folder / "logs"
        logs.mkdir()
        resources.enter_context(_logs_kept_on_failure(logs))
        narration.step("waiting for PostgreSQL")
        opened = resources.enter_context(database(None))
        stack = resources.enter_context(Stack(opened, _plan(arguments, folder, opened)))
        if arguments.verbose:
            echo = resources.enter_context(LogEcho(sys.stdout))
            for service in stack.services:
                echo.follow(service.log)
        result = _Demo(stack, narration, arguments).run(documents)
        if result in (Exit.PARTIALLY_COMPLETED, Exit.FAILED) and (kept := keep_logs(logs, "demo")):
            narration.line(f"The logs are kept in {kept}.")
        narration.step("stopping everything")
    return result


def _plan(arguments: argparse.Namespace, folder: Path, opened: Database) -> Plan:
    temporary_dir = folder / "tmp"
    temporary_dir.mkdir()
    throw_away = opened.embedded is not None
    return Plan(
        logs_dir=folder / "logs",
        # The reports stay in a database of the user's, and their content where the user's processes look for it.
        documents_url=str(folder / "documents") if throw_away else None,
        temporary_dir=temporary_dir,
        concurrency=arguments.concurrency,
        stop_seconds=_STOP_SECONDS if throw_away else _STOP_SECONDS_OF_KEPT_DATA,
    )


class _Demo:
    """The steps of a demo, once there is a database."""

    def __init__(self, stack: Stack, narration: Narration, arguments: argparse.Namespace) -> None:
        self._stack = stack
        self._narration = narration
        self._keep: bool = arguments.keep
        # A live display and the lines of logs do not go together.
        self._view = LinesView() if arguments.verbose else default_view()

    def run(self, documents: Sequence[DemoDocument]) -> Exit:
        step = self._narration.step
        own = "an embedded PostgreSQL" if self._stack.database.embedded else "the PostgreSQL of DATABASE_URL"
        step(f"{own} is ready, waiting for the gRPC server")
        self._stack.start_server_and_worker()
        target = self._stack.wait_for_server()
        step(f"the gRPC server listens on {target}, uploading {_counted(len(documents), 'report')}")
        with (
            self._stack.supervised(),
            ReportsClient(target, timeout=_CALL_TIMEOUT, reconnect_timeout=_RECONNECT_WITHIN) as client,
        ):
            try:
                return self._analyse(client, documents)
            except ReportsError as error:
                raise DevelopmentError("\n".join(explain(error, target))) from error

    def _analyse(self, client: ReportsClient, documents: Sequence[DemoDocument]) -> Exit:
        uploaded, refused = self._upload(client, documents)
        if not uploaded:
            raise DevelopmentError("None of the documents could be uploaded.")
        batch = client.submit(uploaded, labels={"source": "demo"})
        self._narration.step(f"batch {batch.batch_id} is submitted, waiting for the worker to begin")
        self._stack.start_gateway()
        names = {report_id: document.path.name for report_id, (document, _) in uploaded.items()}
        progress = follow(client, batch.batch_id, task_id=batch.task_id, names=names, view=self._view)
        self._show(client, client.get_batch(batch.batch_id), uploaded)
        result = exit_of(progress.status)
        return Exit.PARTIALLY_COMPLETED if result is Exit.OK and refused else result

    def _upload(self, client: ReportsClient, documents: Sequence[DemoDocument]) -> tuple[Uploaded, int]:
        """Return what the server took, and how many documents were refused."""
        uploaded: dict[str, tuple[DemoDocument, Report]] = {}
        refused = 0
        for document in documents:
            report = self._upload_one(client, document)
            if report is None:
                refused += 1
                continue
            if report.report_id in uploaded:
                same = uploaded[report.report_id][0].path.name
                self._narration.line(f"         {document.path}: the same content as {same}")
            uploaded.setdefault(report.report_id, (document, report))
        return uploaded, refused

    def _upload_one(self, client: ReportsClient, document: DemoDocument) -> Report | None:
        try:
            return client.upload(
                document.path,
                company_id=company_id(document.company),
                report_type=document.report_type,
                title=document.title,
                fiscal_period=document.fiscal_period,
                filing_date=document.filing_date,
            )
        except OSError as error:
            self._narration.line(f"         {document.path}: {error.strerror or error}")
        except (InvalidRequestError, LimitExceededError, DataLossError) as error:
            self._narration.line(f"         {document.path}: " + "\n".join(explain(error, client.target)))
        return None

    def _show(self, client: ReportsClient, batch: Batch, uploaded: Uploaded) -> None:
        line = self._narration.line
        line()
        print_results([_result(client, batch, position, uploaded) for position in range(len(batch.results))])
        self._stack.wait_for_gateway()
        note = "" if self._keep else " (needs `./run demo --keep`: this demo ends now)"
        line(f"\nWhat to try next{note}:\n")
        succeeded = [item.report_id for item in batch.results if item.status == BATCH_ITEM_STATUS_COMPLETED]
        for text in hint_lines(self._stack, batch.batch_id, succeeded):
            line(text)
        line()
        if self._keep:
            self._narration.step("everything keeps running until Ctrl-C")
            _wait_for_ctrl_c()


def _result(client: ReportsClient, batch: Batch, position: int, uploaded: Uploaded) -> Result:
    item = batch.results[position]
    document, report = uploaded[item.report_id]
    succeeded = item.status == BATCH_ITEM_STATUS_COMPLETED
    analysis = client.get_analysis(item.report_id, item.analysis_id) if succeeded else None
    return Result(document.path.name, report.report_type, item, analysis)


def _wait_for_ctrl_c() -> None:
    """Wait in a supervised stack: the end of one of its parts raises."""
    with contextlib.suppress(KeyboardInterrupt, Terminated):
        while True:
            signal.pause()


@contextlib.contextmanager
def _logs_kept_on_failure(logs: Path) -> Iterator[None]:
    try:
        yield
    except DevelopmentError as error:
        kept = keep_logs(logs, "demo")
        raise DevelopmentError(f"{error}\nThe logs are kept in {kept}." if kept else str(error)) from error


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
