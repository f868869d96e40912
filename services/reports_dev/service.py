"""A process of the stack that says in its log when it is ready, and can be started again."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reports_dev.errors import ProcessError
from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until

_READY_SECONDS = 60.0


class Service:
    """Runs one command; `ready` matches the line of its log that says it is ready."""

    def __init__(self, name: str, command: Sequence[str], ready: str, log: Path, *, stop_seconds: float) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._ready = re.compile(ready)
        self._stop_seconds = stop_seconds
        self._environment: Mapping[str, str] = {}
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The id of the running process."""
        return self._started().pid

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it; returns at once."""
        self._environment = environment
        process = Process(
            self.name,
            self._command,
            output=FileOutput(self.log),
            environment=environment,
            stop_seconds=self._stop_seconds,
        )
        process.start()
        self._process = process

    def start_again(self) -> None:
        """Start it in place of one that has ended, and wait until it is ready."""
        self.stop()
        self.start(self._environment)
        self.wait_until_ready()

    def keep(self, variable: str, value: str) -> None:
        """Have the variable set like this when it is started again."""
        self._environment = {**self._environment, variable: value}

    def wait_until_ready(self) -> str:
        """Return what the ready line names, such as an address; raises ProcessError, with the end of the log."""
        process = self._started()
        wait_until(self._ready_match, _READY_SECONDS, f"the start of the {self.name}", processes=[process])
        match = self._ready_match()
        if match is None:
            raise ProcessError(f"The log of the {self.name}, {self.log}, was changed by somebody else.")
        return match[1]

    def require_running(self) -> None:
        """Raise ProcessError, with the end of the log, when it has ended."""
        self._started().require_running()

    def has_ended(self) -> bool:
        """Say whether it was started and runs no more."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to end and wait for that; harmless when it does not run."""
        if self._process is not None:
            self._process.stop()

    def _ready_match(self) -> re.Match[str] | None:
        return self._ready.search(self.log.read_text(errors="replace"))

    def _started(self) -> Process:
        if self._process is None:
            raise ProcessError(f"The {self.name} was not started.")
        return self._process
