"""Starts and stops the processes around the database: service, worker, gateway."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from reports_dev.errors import ProcessError
from reports_dev.guard import Guard, StopStep
from reports_dev.output import FileOutput
from reports_dev.waiting import holds_within

_START_SECONDS = 60.0


class Process:
    """A process that runs while the context is entered, and whose whole group ends with it or with us.

    It is asked with SIGTERM and killed after `stop_seconds`. Ctrl-C in our terminal does not reach it: leaving the
    context stops it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        output: FileOutput,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stop_seconds: float = 15.0,
    ) -> None:
        self.name = name
        self._command = command
        self._output = output
        self._environment = os.environ if environment is None else environment
        self._folder = folder or Path.cwd()
        self._stop = StopStep(signal.SIGTERM, stop_seconds)
        self._guard: Guard | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The id of the process itself, which is also that of its group."""
        return self._pid

    def start(self) -> None:
        """Start it; raises ProcessError when its program cannot be started."""
        guard = Guard(output=self._output.file, environment=self._environment, stop=[self._stop])
        try:
            guard.run([self._command], folder=self._folder)
            pid = guard.next_pid(_START_SECONDS)
        except BaseException:
            guard.end()
            self._output.close()
            raise
        if pid is None:
            guard.end()
            self._output.close()
            raise ProcessError(f"{self.name} could not be started.{self._output.tail()}")
        self._guard, self._pid = guard, pid

    def poll(self) -> int | None:
        """Return the exit status once it has ended, None before; negative is the signal that killed it."""
        return self._started().poll()

    def wait(self, seconds: float) -> int:
        """Wait until it has ended and return its exit status; raises ProcessError after the seconds."""
        try:
            return self._started().wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name} has not ended within {seconds:g} s.{self._output.tail()}") from None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process itself; harmless when it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def kill(self) -> int:
        """Kill it and its group at once, as a crash would, and return its exit status."""
        self.send_signal(signal.SIGKILL)
        return self.stop()

    def stop(self) -> int:
        """Ask it to end, kill its group after the deadline, and return its exit status; harmless when repeated."""
        status = self._started().end()
        self._output.close()
        return status

    def require_running(self) -> None:
        """Raise ProcessError, with the last output, when it has ended."""
        status = self.poll()
        if status is not None:
            raise ProcessError(f"{self.name} ended with {_in_words(status)}.{self._output.tail()}")

    def last_output(self) -> str:
        """Return its last lines of output, indented, for an error message."""
        return self._output.tail()

    def _started(self) -> Guard:
        if self._guard is None:
            raise ProcessError(f"{self.name} was not started: call start() first.")
        return self._guard


def wait_until(
    condition: Callable[[], object], seconds: float, what: str, *, processes: Iterable[Process] = ()
) -> None:
    """Wait until the condition holds; raises ProcessError after the seconds, or as soon as one of the processes ends.

    `what` completes the sentence "... did not happen", such as "a connection to the service".
    """
    watched = tuple(processes)

    def holds() -> bool:
        if condition():
            return True
        for process in watched:
            process.require_running()
        return False

    if not holds_within(holds, seconds):
        outputs = "".join(f"\n  {process.name}:{process.last_output()}" for process in watched)
        raise ProcessError(f"{what} did not happen within {seconds:g} s.{outputs}")


def _in_words(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
