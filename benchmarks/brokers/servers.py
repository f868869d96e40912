"""The servers behind the brokers, each on free ports of 127.0.0.1 with its data in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import psycopg2
from kombu import Connection
from psycopg2 import sql

from benchmarks.brokers import packages
from benchmarks.brokers.errors import NotMeasured
from reports_dev.output import FileOutput
from reports_dev.postgres import EmbeddedPostgres
from reports_dev.processes import Process, wait_until

_START_SECONDS = 60.0
# Debian's `rabbitmq-server` on PATH is another: it changes to the user, and to the folders, of the system's own node.
_RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class Server(Protocol):
    """A running server."""

    @property
    def description(self) -> str:
        """Its name, its version and how durable it is as it comes."""

    def emptied(self) -> contextlib.AbstractContextManager[str]:
        """Give one worker and its publisher the server without anything of those before; yields the broker's URL."""


@dataclass(frozen=True, slots=True)
class Redis:
    """Redis with its own defaults: snapshots now and then, no append-only file."""

    port: int

    @property
    def description(self) -> str:
        answer = subprocess.run(["redis-server", "--version"], check=True, capture_output=True, text=True).stdout
        (version,) = re.findall(r"v=(\S+)", answer)
        return f"Redis {version} (snapshots; a crash loses what came after the last one)"

    @contextlib.contextmanager
    def emptied(self) -> Iterator[str]:
        subprocess.run(["redis-cli", "-p", str(self.port), "flushall"], check=True, stdout=subprocess.DEVNULL)
        yield f"redis://127.0.0.1:{self.port}/0"


@dataclass(frozen=True, slots=True)
class RabbitMq:
    """RabbitMQ with its own defaults, and Celery's: persistent messages in a durable queue, published unconfirmed."""

    port: int

    @property
    def description(self) -> str:
        with Connection(self._url) as connection:
            version = connection.connection.server_properties["version"]
        return f"RabbitMQ {version} (durable queue, persistent messages, no publisher confirms)"

    @contextlib.contextmanager
    def emptied(self) -> Iterator[str]:
        with Connection(self._url) as connection:
            connection.default_channel.queue_delete("celery")
        yield self._url

    @property
    def _url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a database was asked to do, per second."""

    transactions_per_s: float
    statements_per_s: float


@dataclass(frozen=True, slots=True)
class Postgres:
    """PostgreSQL with its own defaults, `fsync` and `synchronous_commit` on; a new database each time."""

    url: str
    log: Path

    @property
    def description(self) -> str:
        with contextlib.closing(psycopg2.connect(self.url)) as conn:
            version = conn.server_version
        return f"PostgreSQL {version // 10000}.{version % 10000} (fsync and synchronous_commit on)"

    @contextlib.contextmanager
    def emptied(self) -> Iterator[str]:
        name = f"benchmark_{time.monotonic_ns()}"
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def traffic(self, database_url: str, seconds: float) -> Traffic:
        """Log all statements for some seconds and count; the server's own statistics come seconds late."""
        name = urlsplit(database_url).path.removeprefix("/")
        self._configure("log_line_prefix = '%d %v '", "log_statement = 'all'")
        position = self.log.stat().st_size
        time.sleep(seconds)
        with self.log.open("rb") as log:
            log.seek(position)
            text = log.read().decode(errors="replace")
        self._configure("log_line_prefix = DEFAULT", "log_statement = DEFAULT")
        transactions = re.findall(rf"^{name} (\S+) LOG:  (?:statement|execute)\b", text, flags=re.MULTILINE)
        return Traffic(len(set(transactions)) / seconds, len(transactions) / seconds)

    def _configure(self, *settings: str) -> None:
        for setting in settings:
            self._execute(sql.SQL(f"ALTER SYSTEM SET {setting}"))
        self._execute(sql.SQL("SELECT pg_reload_conf()"))

    def _execute(self, statement: sql.Composable) -> None:
        with contextlib.closing(psycopg2.connect(self.url)) as conn, conn.cursor() as cursor:
            conn.autocommit = True
            cursor.execute(statement)


# Runs one while the context is entered, with its data in the folder; raises NotMeasured where there is none.
Start = Callable[[Path], contextlib.AbstractContextManager[Server]]


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """Run Redis, as `Start` says."""
    packages.provide()
    _install("redis-server", "redis-server")
    port = _free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    with Process("Redis", command, output=FileOutput(folder / "redis.log")) as process:
        _wait_for_port(port, process)
        yield Redis(port)


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Iterator[RabbitMq]:
    """Run RabbitMQ, as `Start` says."""
    _install(str(_RABBITMQ_SERVER), "rabbitmq-server")
    port, epmd_port = _free_port(), _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")} | {
        # The folder of Erlang's cookie.
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_NODENAME": "benchmark@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(_free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
    }
    # Erlang would start a name service that outlives it; where one answers already it does not.
    epmd = Process("epmd", ["epmd"], output=FileOutput(folder / "epmd.log"), environment=environment)
    server = Process(
        "RabbitMQ", [_RABBITMQ_SERVER], output=FileOutput(folder / "server.log"), environment=environment, folder=folder
    )
    with epmd:
        _wait_for_port(epmd_port, epmd)
        with server:
            _wait_for_port(port, server)
            yield RabbitMq(port)


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Run PostgreSQL, as `Start` says, in a folder of its own choice."""
    with EmbeddedPostgres(durable=True) as server:
        yield Postgres(server.url, server.folder / "server.log")


def _install(program: str, package: str) -> None:
    if shutil.which(program):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotMeasured(f"{program} is not on this machine: run this as root on Debian, or install {package}")
    print(f"installing {package} with apt", file=sys.stderr, flush=True)
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    installed = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if installed.returncode != 0 or not shutil.which(program):
        raise NotMeasured(f"`{' '.join(command)}` failed; does `apt-get update` help?")
    # Its service was started; ours is another one.
    subprocess.run(["invoke-rc.d", package, "stop"], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for_port(port: int, process: Process) -> None:
    def accepts() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_until(accepts, _START_SECONDS, f"a connection to {process.name}", processes=[process])
