"""A PostgreSQL server of our own that needs no installation by the user and ends with its parent."""

import contextlib
import signal
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg2

from reports_dev import binaries, server_commands
from reports_dev.accounts import Account, server_account
from reports_dev.errors import EmbeddedPostgresError
from reports_dev.guard import Guard, StopStep
from reports_dev.log import Log
from reports_dev.server_folder import ServerFolder, persistent_folder, temporary_folder
from reports_dev.waiting import holds_within

DATABASE = "fna_reports"
_FIND_DATABASE = "SELECT 1 FROM pg_database WHERE datname = %s"
_CREATE_DATABASE = f"CREATE DATABASE {DATABASE}"

# A fast shutdown ends sessions and writes a checkpoint; an immediate one leaves that to the recovery of the next start.
_STOP_KEEPING_DATA = (StopStep(signal.SIGINT, 30.0), StopStep(signal.SIGQUIT, 10.0))
_STOP_LOSING_DATA = (StopStep(signal.SIGQUIT, 10.0),)

_INITDB_SECONDS = 120.0
# After a crash the log is replayed first.
_READY_SECONDS = 180.0
_PORT_ATTEMPTS = 5
# The line of postmaster.pid that tells how far the server is.
_STATUS_LINE = 7


class _PortTaken(EmbeddedPostgresError):
    """Somebody else took the port between our look and the server's."""


class EmbeddedPostgres:
    """A server that runs while the context is entered; its data is kept in `data_dir`, or without one is thrown away.

    With `durable=False` it is faster, for tests: a crash of the server loses the last commits, and one of the machine
    may lose the whole data.
    """

    def __init__(self, data_dir: Path | None = None, *, durable: bool = True) -> None:
        self._data_dir = data_dir
        self._durable = durable
        self._resources = contextlib.ExitStack()
        self._folder: ServerFolder | None = None
        self._url = ""
        self._pid = 0

    @property
    def url(self) -> str:
        """`postgresql://user:password@127.0.0.1:port/database` of the running server."""
        return self._url

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self._pid

    @property
    def folder(self) -> Path:
        """Where data, password and log of the running server are."""
        if self._folder is None:
            raise EmbeddedPostgresError("The embedded PostgreSQL has no folder before it is started.")
        return self._folder.path

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it accepts connections; raises EmbeddedPostgresError."""
        account = server_account()
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                with contextlib.ExitStack() as resources:
                    self._start_once(account, resources, with_last_port=attempt == 1)
                    self._resources = resources.pop_all()
                return
            except _PortTaken:
                if attempt == _PORT_ATTEMPTS:
                    raise

    def stop(self) -> None:
        """Stop the server and, when its data is not kept, remove all of it; harmless when it does not run."""
        self._resources.close()

    def _start_once(self, account: Account | None, resources: contextlib.ExitStack, *, with_last_port: bool) -> None:
        if self._data_dir:
            folder = persistent_folder(self._data_dir, account)
        else:
            folder = temporary_folder(account, durable=self._durable)
        guard, log = _open(folder, resources)
        programs = binaries.find(account, folder.data)
        if account and programs.bundled and not account.can_enter(programs.folder):
            programs = programs.copy_to(folder.path)
        password = folder.password(account)
        port = _port(folder.port() if with_last_port else None)
        commands = server_commands.commands_that_make_data(folder, programs)
        commands.append(server_commands.server_command(folder, programs, port, durable=self._durable))
        guard.run(commands, folder=folder.path, account=account)
        pid = _pid_of_last(commands, guard, log)
        _wait_until_ready(folder, pid, guard, log)
        _create_database(folder, port, password)
        folder.port_file.write_text(f"{port}\n")
        self._folder, self._pid = folder, pid
        self._url = f"postgresql://{server_commands.USER}:{password}@127.0.0.1:{port}/{DATABASE}"


def _open(folder: ServerFolder, resources: contextlib.ExitStack) -> tuple[Guard, Log]:
    """Put the folder under a guardian; leaving the resources stops everything in it."""
    lock = resources.enter_context(folder.locked())
    log = resources.enter_context(Log(folder.log_file))
    guard = Guard(
        output=log.file,
        environment=server_commands.environment(),
        stop=_STOP_LOSING_DATA if folder.temporary else _STOP_KEEPING_DATA,
        remove=folder.path if folder.temporary else None,
        hold=[lock],
    )
    resources.callback(guard.end)
    return guard, log


def _port(wanted: int | None) -> int:
    """Choose the wanted port when it is free, else any free one."""
    for port in (wanted or 0, 0):
        with socket.socket() as listener, contextlib.suppress(OSError):
            # As the server does: connections that linger after its last run do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    raise EmbeddedPostgresError("No TCP port of 127.0.0.1 is free for PostgreSQL: is the loopback interface up?")


def _pid_of_last(commands: list[server_commands.Words], guard: Guard, log: Log) -> int:
    pid = 0
    for command in commands:
        try:
            started = guard.next_pid(_INITDB_SECONDS)
        except TimeoutError:
            raise EmbeddedPostgresError(
                f"PostgreSQL did not come to {command[0]} within {_INITDB_SECONDS:.0f} s; is the disk slow or full?"
                f"{log.tail()}"
            ) from None
        if started is None:
            raise EmbeddedPostgresError(f"PostgreSQL could not be started; its log says why:{log.tail()}")
        pid = started
    return pid


def _wait_until_ready(folder: ServerFolder, pid: int, guard: Guard, log: Log) -> None:
    def ready_or_over() -> bool:
        return guard.poll() is not None or _is_ready(folder, pid)

    if not holds_within(ready_or_over, _READY_SECONDS):
        raise EmbeddedPostgresError(
            f"PostgreSQL was not ready within {_READY_SECONDS:.0f} s; its log says how far it came:{log.tail()}"
        )
    if guard.poll() is not None:
        tail = log.tail()
        kind = _PortTaken if "could not bind" in tail else EmbeddedPostgresError
        raise kind(f"PostgreSQL ended while it was starting; its log says why:{tail}")


def _is_ready(folder: ServerFolder, pid: int) -> bool:
    """Ask the server's own status file: a try to connect would be logged as an error while it still starts."""
    try:
        lines = (folder.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _STATUS_LINE and lines[0] == str(pid) and lines[_STATUS_LINE].strip() == "ready"


def _create_database(folder: ServerFolder, port: int, password: str) -> None:
    try:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=port,
            user=server_commands.USER,
            password=password,
            dbname="postgres",
            connect_timeout=30,
        )
    except psycopg2.OperationalError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL runs and refuses us: {error}Is {folder.password_file} the file that the data was made with? "
            f"Put it back, or move {folder.path} away to begin with an empty one."
        ) from error
    with contextlib.closing(connection), connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(_FIND_DATABASE, (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(_CREATE_DATABASE)
