"""A RabbitMQ server of the test run's own."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until
from reports_dev.temporary import temporary_folder

# A server to use instead.
SERVER_URL = "FNA_REPORTS_TEST_RABBITMQ_URL"
# Set in `tests/conftest.py` for the processes that pytest-xdist starts.
SHARED = "FNA_REPORTS_TEST_SHARED_RABBITMQ"

# Packages put a wrapper on PATH that insists on root and on the machine's own data folder.
_PROGRAM_FOLDERS = os.pathsep.join(["/usr/lib/rabbitmq/bin", os.environ.get("PATH", os.defpath), "/usr/sbin"])
_START_SECONDS = 60.0
_STARTED = "Server startup complete"


def is_available() -> bool:
    """Tell whether there is a server, or what one needs: tests never install it."""
    return SERVER_URL in os.environ or bool(_program("rabbitmq-server") and _program("epmd"))


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of a server of the run's own."""
    with temporary_folder("rabbitmq") as folder:
        ports = _free_ports(3)
        environment = _environment(folder, *ports)
        # Started by the server itself it would outlive the server.
        names = [_program("epmd") or "epmd", "-relaxed_command_check"]
        with (
            Process("epmd", names, output=FileOutput(folder / "epmd.log"), environment=environment, folder=folder),
            _serving(environment, folder),
        ):
            yield f"amqp://guest:guest@127.0.0.1:{ports[0]}//"


@contextmanager
def _serving(environment: dict[str, str], folder: Path) -> Iterator[None]:
    log = folder / "rabbitmq.log"
    command = [_program("rabbitmq-server") or "rabbitmq-server"]
    with Process("RabbitMQ", command, output=FileOutput(log), environment=environment, folder=folder) as server:
        wait_until(
            lambda: _STARTED in log.read_text(errors="replace"), _START_SECONDS, "RabbitMQ's start", processes=[server]
        )
        yield


def _environment(folder: Path, port: int, distribution_port: int, epmd_port: int) -> dict[str, str]:
    """Return settings that keep the server apart from any other on the machine, and off the network."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
    nothing = folder / "empty.conf"
    nothing.touch()
    plugins = folder / "enabled_plugins"
    plugins.write_text("[].")
    return kept | {
        # Where Erlang puts its cookie.
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_NODENAME": "conformance@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_CONFIG_FILE": str(nothing),
        "RABBITMQ_CONF_ENV_FILE": str(nothing),
    }


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on; all are held until the last is chosen, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PROGRAM_FOLDERS)
