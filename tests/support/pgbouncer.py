"""PgBouncer in front of a database, for a test: in transaction mode one client meets any session of the pool."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2

from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until
from reports_dev.temporary import temporary_folder

_START_SECONDS = 20.0

# It refuses to run as root; anybody else runs it as himself.
_CONFIGURATION = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 3
{run_as}
"""


def is_available() -> bool:
    """Tell whether PgBouncer is installed: tests never install it."""
    return _program() is not None


@contextmanager
def pooled(database_url: str, mode: str = "transaction") -> Iterator[str]:
    """Yield the URL of the same database through a PgBouncer of this test's own, in this `pool_mode`."""
    server = urlsplit(database_url)
    with temporary_folder("pgbouncer") as folder:
        folder.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                host=server.hostname,
                port=server.port or 5432,
                user=unquote(server.username or ""),
                password=unquote(server.password or ""),
                listen_port=port,
                mode=mode,
                run_as="user = nobody" if os.geteuid() == 0 else "",
            )
        )
        url = server._replace(netloc=f"{server.username}@127.0.0.1:{port}").geturl()
        command: list[str | Path] = [_program() or "pgbouncer", configuration]
        with Process("PgBouncer", command, output=FileOutput(folder / "log"), folder=folder) as process:
            wait_until(lambda: _answers(url), _START_SECONDS, "PgBouncer's start", processes=[process])
            yield url


def _program() -> str | None:
    # Packages put it where only root looks.
    return shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True
