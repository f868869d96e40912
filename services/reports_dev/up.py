"""`./run up`: runs everything until it is told to stop."""

import argparse
import json
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from reports_dev.data_folder import DataFolder, kept_data_folder
from reports_dev.database import Database, database
from reports_dev.errors import ProcessError
from reports_dev.hints import hint_lines
from reports_dev.interruption import Terminated
from reports_dev.log_echo import LogEcho
from reports_dev.narration import Narration
from reports_dev.server_folder import default_data_dir
from reports_dev.service import Service
from reports_dev.stack import FREE_ADDRESS, Plan, Stack
from reports_dev.temporary import temporary_folder
from reports_dev.user_settings import user_setting

_GRPC_ADDRESS = "127.0.0.1:50051"
_REST_ADDRESS = "127.0.0.1:8000"
_MOST_RESTARTS = 5
_RESTART_PERIOD_SECONDS = 60.0


def run(arguments: argparse.Namespace, narration: Narration) -> int:
    """Run until Ctrl-C and return the exit code; raises DevelopmentError when that is not possible."""
    with ExitStack() as resources:
        folder = resources.enter_context(_data_folder(arguments))
        folder.logs.mkdir(exist_ok=True)
        folder.temporary.mkdir(exist_ok=True)
        narration.step("waiting for PostgreSQL")
        opened = resources.enter_context(database(folder.postgres))
        stack = resources.enter_context(Stack(opened, _plan(arguments, folder)))
        if arguments.verbose:
            echo = resources.enter_context(LogEcho(sys.stderr if arguments.json else sys.stdout))
            for service in stack.services:
                echo.follow(service.log)
        _start(stack, narration)
        _tell(stack, opened, folder, narration, as_json=arguments.json)
        with suppress(KeyboardInterrupt, Terminated):
            _supervise(stack, narration)
        narration.step("stopping everything")
    narration.step("stopped")
    return 0


@contextmanager
def _data_folder(arguments: argparse.Namespace) -> Iterator[DataFolder]:
    if arguments.ephemeral:
        with temporary_folder("up") as path:
            yield DataFolder(path, None)
    else:
        with kept_data_folder(arguments.data_dir or default_data_dir(Path.cwd())) as folder:
            yield folder


def _plan(arguments: argparse.Namespace, folder: DataFolder) -> Plan:
    return Plan(
        logs_dir=folder.logs,
        documents_url=_documents_url(folder),
        temporary_dir=folder.temporary,
        concurrency=arguments.concurrency,
        grpc_addresses=_addresses_to_try("FNA_REPORTS_GRPC_ADDRESS", _GRPC_ADDRESS),
        rest_addresses=_addresses_to_try("FNA_REPORTS_REST_ADDRESS", _REST_ADDRESS),
    )


def _documents_url(folder: DataFolder) -> str:
    chosen = user_setting("FNA_REPORTS_DOCUMENTS_URL")
    if "://" in chosen:
        return chosen
    return str(Path(chosen).absolute() if chosen else folder.documents)


def _addresses_to_try(variable: str, usual: str) -> tuple[str, ...]:
    """Return the user's choice, or else the usual address and a free one; somebody may take the usual meanwhile."""
    if chosen := user_setting(variable):
        return (chosen,)
    return (usual, FREE_ADDRESS) if _is_free(usual) else (FREE_ADDRESS,)


def _is_free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as listener:
        # As the servers do: connections that linger after the last run do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
        except OSError:
            return False
    return True


def _start(stack: Stack, narration: Narration) -> None:
    narration.step("PostgreSQL is ready, waiting for the gRPC server")
    stack.start_server_and_worker()
    stack.wait_for_server()
    stack.start_gateway()
    narration.step("the gRPC server is ready, waiting for the worker and the gateway")
    stack.worker.wait_until_ready()
    stack.wait_for_gateway()
    narration.step("everything is ready")


def _tell(stack: Stack, opened: Database, folder: DataFolder, narration: Narration, *, as_json: bool) -> None:
    for text in _addresses(stack, opened, folder):
        narration.line(text)
    narration.line("\nWhat to try next:\n")
    for text in hint_lines(stack):
        narration.line(text)
    narration.line("\nRunning until Ctrl-C.")
    if as_json:
        print(json.dumps(_description(stack, opened)), flush=True)


def _addresses(stack: Stack, opened: Database, folder: DataFolder) -> Iterator[str]:
    kept = "removed at the end" if folder.postgres is None else f"kept in {folder.path}"
    yield ""
    yield f"  gRPC       {stack.grpc_address}"
    yield f"  REST       {stack.rest_url}"
    yield f"  database   {opened.url}"
    yield f"  documents  {stack.plan.documents_url}"
    yield f"  logs       {', '.join(str(service.log) for service in stack.services)}"
    if opened.embedded:
        yield f"  data       {kept}"


def _description(stack: Stack, opened: Database) -> dict[str, object]:
    return {
        "grpc": stack.grpc_address,
        "rest": stack.rest_url,
        "database_url": opened.url,
        "documents_url": stack.plan.documents_url,
        "logs_dir": str(stack.plan.logs_dir),
        "pids": {service.name: service.pid for service in stack.services},
    }


def _supervise(stack: Stack, narration: Narration) -> None:
    """Start again what ends, until Ctrl-C; raises ProcessError when that happens too often."""
    restarts: deque[float] = deque(maxlen=_MOST_RESTARTS)
    while True:
        try:
            with stack.supervised():
                while True:
                    signal.pause()
        except ProcessError as error:
            stack.database.require_running()
            now = time.monotonic()
            if len(restarts) == _MOST_RESTARTS and now - restarts[0] < _RESTART_PERIOD_SECONDS:
                raise
            restarts.append(now)
            narration.step(str(error))
            for service in filter(Service.has_ended, stack.services):
                narration.step(f"starting the {service.name} again")
                service.start_again()
                narration.step(f"the {service.name} is ready again, process {service.pid}")
