"""The HTTP servers that are measured, each a process of its own in front of the same gRPC server."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.streams.servers import Server
from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until

_ROOT = Path(__file__).parents[2]
_LISTENING = re.compile(r"Listening on http://(\S+:\d+)")
_START_SECONDS = 60.0


def gateway(target: str, folder: Path) -> AbstractContextManager[Server]:
    """Run the gateway in front of a gRPC server."""
    settings = {"FNA_REPORTS_SERVER": target, "FNA_REPORTS_REST_ADDRESS": "127.0.0.1:0"}
    return _listening("gateway", ["reports_gateway"], settings, folder)


def bare(target: str, folder: Path) -> AbstractContextManager[Server]:
    """Run the bare handler in front of a gRPC server."""
    return _listening("bare", ["benchmarks.gateway.bare", target], {}, folder)


@contextmanager
def _listening(name: str, module: Sequence[str], settings: dict[str, str], folder: Path) -> Iterator[Server]:
    log = folder / f"{name}.log"
    path = os.pathsep.join([str(_ROOT), *(path for path in sys.path if path)])
    process = Process(
        name,
        [sys.executable, "-m", *module],
        output=FileOutput(log),
        environment=os.environ | {"PYTHONPATH": path} | settings,
        folder=folder,
    )
    with process:
        wait_until(
            lambda: _LISTENING.search(log.read_text()), _START_SECONDS, f"the start of {name}", processes=[process]
        )
        found = _LISTENING.search(log.read_text())
        assert found, "the line was there a moment ago"
        yield Server(found[1], process)
