"""A Celery worker as users start it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bloat import program
from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until

_ROOT = Path(__file__).parents[2]
_CONCURRENCY = 2
_START_SECONDS = 60.0


@contextmanager
def running(configuration: Mapping[str, Any]) -> Iterator[Process]:
    """Yield a worker that is ready; leaving kills it, since with tasks at hand it may take half a minute to stop."""
    with tempfile.TemporaryDirectory(prefix="fna-bench-") as folder:
        log = Path(folder) / "worker.log"
        command = [sys.executable, "-m", "celery", "-A", program.__name__, "worker", f"--concurrency={_CONCURRENCY}"]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(_ROOT), *(path for path in sys.path if path)]),
            # What Celery leaves behind when it is killed.
            "TMPDIR": folder,
            program.CONFIGURATION: json.dumps(configuration),
        }
        worker = Process(
            "the worker",
            [*command, "--loglevel=info"],
            output=FileOutput(log),
            environment=environment,
            folder=Path(folder),
        )
        with worker:
            wait_until(lambda: " ready." in log.read_text(), _START_SECONDS, "its start", processes=[worker])
            yield worker
            worker.require_running()
            worker.kill()
