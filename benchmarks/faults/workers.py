"""Celery workers as real processes, to be killed, stopped and continued."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from benchmarks.faults import program
from reports_dev.waiting import holds_within

ROOT = Path(__file__).parents[2]
CONCURRENCY = 2
_START_SECONDS = 60.0
_END_SECONDS = 20.0


class Worker:
    """One worker with its children, in a process group of its own; leaving it kills all of them."""

    def __init__(self, name: str, configuration: Mapping[str, Any], effects_url: str, folder: Path) -> None:
        self.name = f"{name}@faults"
        self._log = folder / f"worker-{name}.log"
        self._environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), *(path for path in sys.path if path)]),
            # What Celery leaves behind when it is killed.
            "TMPDIR": str(folder),
            program.CONFIGURATION: json.dumps(configuration),
            program.EFFECTS_URL: effects_url,
        }
        self._folder = folder

    def __enter__(self) -> Self:
        # Without the guardian of `reports_dev.processes`, which would end the children of a killed parent.
        command = [sys.executable, "-m", "celery", "-A", program.__name__, "worker", f"--hostname={self.name}"]
        options = [f"--concurrency={CONCURRENCY}", "--loglevel=info"]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, *options],
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.signal_all(signal.SIGKILL)
        self._process.wait(_END_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether the parent still runs, stopped or not."""
        return self._process.poll() is None

    def output(self) -> str:
        """Return all that it has printed."""
        return self._log.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        """Wait until it takes work; raises TimeoutError with its output."""
        if not holds_within(lambda: f"{self.name} ready" in self.output() or not self.alive, _START_SECONDS):
            raise TimeoutError(f"{self.name} was not ready within {_START_SECONDS:g} s:\n{self.output()}")
        if not self.alive:
            raise RuntimeError(f"{self.name} ended:\n{self.output()}")

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the parent and its children at once; harmless when they are gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def kill_parent(self) -> None:
        """Kill the parent and leave its children."""
        self._process.kill()
        self._process.wait(_END_SECONDS)
