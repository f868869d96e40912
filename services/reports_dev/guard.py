"""A guardian as its parent sees it: told what to run, asked what became of it."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reports_dev.accounts import Account
from reports_dev.errors import ProcessError

_SCRIPT = Path(__file__).with_name("guardian.py")
# Beyond the time that its commands have to stop: removing a folder takes a moment.
_MARGIN_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class StopStep:
    """A signal for the command, and the seconds that it has to end before the next step."""

    signal: signal.Signals
    seconds: float


class Guard:
    """A guardian process, which ends what it runs when `end` is called or this process is gone."""

    def __init__(
        self,
        *,
        output: IO[bytes] | int,
        environment: Mapping[str, str],
        stop: Sequence[StopStep],
        remove: Path | None = None,
        hold: Sequence[int] = (),
    ) -> None:
        """Start the guardian.

        `output` takes all output of it and its commands, `remove` is a folder that it deletes at its end, and `hold`
        are file descriptors, such as a lock, that stay open until then.
        """
        self._stop = stop
        lifeline_read, lifeline_write = os.pipe()
        reports_read, reports_write = os.pipe()
        self._lifeline = os.fdopen(lifeline_write, "wb", buffering=0)
        self._reports = os.fdopen(reports_read, "rb", buffering=0)
        arguments = [str(reports_write), *([str(remove)] if remove else [])]
        try:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SCRIPT), *arguments],
                stdin=lifeline_read,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                pass_fds=(reports_write, *hold),
                # Ctrl-C in the terminal is for the parent, which then ends the guardian in its own order.
                start_new_session=True,
            )
        finally:
            os.close(lifeline_read)
            os.close(reports_write)

    def run(self, commands: Sequence[Sequence[str | Path]], *, folder: Path, account: Account | None = None) -> None:
        """Have the commands run in the folder, one after another, until one fails."""
        work = {
            "commands": [[str(argument) for argument in command] for command in commands],
            "stop": [(int(step.signal), step.seconds) for step in self._stop],
            "folder": str(folder),
            "user": account.uid if account else None,
            "group": account.gid if account else None,
        }
        with contextlib.suppress(BrokenPipeError):  # a guardian that is gone already has an exit status to tell
            self._lifeline.write(json.dumps(work).encode() + b"\n")

    def next_pid(self, seconds: float) -> int | None:
        """Wait for the next command to start; None when all is over instead. Raises TimeoutError."""
        ready, _, _ = select.select([self._reports], [], [], seconds)
        if not ready:
            raise TimeoutError
        # Unbuffered, so this reads byte by byte; the guardian writes a line at once.
        line = self._reports.readline()
        return int(line) if line else None

    def poll(self) -> int | None:
        """Return the exit status once all is over, None before; negative is the signal that killed the command."""
        return self._guardian.poll()

    def wait(self, seconds: float) -> int:
        """Wait until all is over; raises subprocess.TimeoutExpired."""
        return self._guardian.wait(seconds)

    def end(self) -> int:
        """Stop what runs, step by step, wait until all is over and return the exit status; harmless when repeated."""
        self._lifeline.close()
        limit = sum(step.seconds for step in self._stop) + _MARGIN_SECONDS
        try:
            status = self._guardian.wait(limit)
        except subprocess.TimeoutExpired:
            raise ProcessError(
                f"The guardian process {self._guardian.pid} did not end within {limit:.0f} s: end it with "
                f"`kill -9 {self._guardian.pid}`."
            ) from None
        self._reports.close()
        return status
