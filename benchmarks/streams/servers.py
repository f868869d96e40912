"""The servers that are measured, each a process of its own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.streams import usage
from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until

_ROOT = Path(__file__).parents[2]
_LISTENING = re.compile(r"listening on (\S+:\d+):")
_START_SECONDS = 60.0
# More than any scenario has.
_WATCHERS = "20000"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens."""

    address: str
    process: Process

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far, on all cores."""
        self.process.require_running()
        return usage.cpu_seconds(self.process.pid)

    def resident_bytes(self) -> int:
        """Return its memory that is not swapped out."""
        self.process.require_running()
        return usage.resident_bytes(self.process.pid)


def our_process(
    database_url: str, folder: Path, *, name: str = "server", port: int = 0, share_port: bool = False
) -> Process:
    """Return our server with all its services, to be started; port 0 takes a free one, `name` is that of its log."""
    settings = {
        "DATABASE_URL": database_url,
        "FNA_REPORTS_GRPC_ADDRESS": f"127.0.0.1:{port}",
        "FNA_REPORTS_SHARE_PORT": str(share_port),
        "FNA_REPORTS_DOCUMENTS_URL": str(folder),
        "FNA_REPORTS_MAX_WATCHERS": _WATCHERS,
        "FNA_REPORTS_MAX_WATCHERS_PER_OWNER": _WATCHERS,
        # No worker runs here: the sweeper would repair what looks abandoned, in the middle of the measurement.
        "FNA_REPORTS_SWEEP_SECONDS": "3600",
    }
    return _process(["reports_server"], folder, name, settings)


def ours(database_url: str, folder: Path) -> AbstractContextManager[Server]:
    """Run our server."""
    name = "server"
    return _listening(our_process(database_url, folder, name=name), _log(folder, name))


def bare(folder: Path, name: str = "bare") -> AbstractContextManager[Server]:
    """Run a server that only streams from memory."""
    return listening_module(["benchmarks.streams.bare"], folder, name)


def listening_module(words: Sequence[str], folder: Path, name: str) -> AbstractContextManager[Server]:
    """Run a module, with arguments, that serves gRPC and says so as ours does."""
    return _listening(_process(words, folder, name, {}), _log(folder, name))


def _process(module: Sequence[str], folder: Path, name: str, settings: dict[str, str]) -> Process:
    path = os.pathsep.join([str(_ROOT), *(path for path in sys.path if path)])
    return Process(
        name,
        [sys.executable, "-m", *module],
        output=FileOutput(_log(folder, name)),
        environment=os.environ | {"PYTHONPATH": path} | settings,
        folder=folder,
    )


def _log(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


@contextmanager
def _listening(process: Process, log: Path) -> Iterator[Server]:
    with process:
        wait_until(
            lambda: _LISTENING.search(log.read_text()),
            _START_SECONDS,
            f"the start of {process.name}",
            processes=[process],
        )
        found = _LISTENING.search(log.read_text())
        assert found, "the line was there a moment ago"
        yield Server(found[1], process)
