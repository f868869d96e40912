"""One analysis process, as the worker that started it sees it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from reports_core.domain.analysis import ReportAnalysis
from reports_worker.analyser import errors, wire
from reports_worker.analyser.errors import AnalyserUnusable
from reports_worker.analyser.limits import Limits, peak_memory
from reports_worker.analyser.soundness import Unsound, require_sound
from reports_worker.processor import DocumentError, OnStep

_START_SECONDS = 60.0
_BEAT_SECONDS = 0.1
"""How long a report runs without a look at whether it should."""
_LEAVE_SECONDS = 10.0
"""How long a process may take to end after it has closed its connection; a crash writes its trace first."""
_SECRETS = ("DATABASE_URL", "FNA_REPORTS_", "AWS_", "PG")


class AnalysisProcess:
    """A process that analyses one report at a time.

    It is executed, not forked: it shares no memory, no connection and no secret with the worker. `close` it in the end;
    if this process dies first, so does it.
    """

    def __init__(self, limits: Limits, lexicon_file: Path | None = None) -> None:
        self._limits = limits
        self._ready = False
        self._seen_bytes = 0
        self.reports = 0
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        with theirs:
            # The descriptor has the same number there.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "reports_worker.analyser"),
                    *("--descriptor", str(theirs.fileno())),
                    *("--parent", str(os.getpid())),
                    *("--seconds", str(limits.seconds)),
                    *("--memory-mib", str(limits.memory_mib)),
                    *(("--lexicon-file", str(lexicon_file)) if lexicon_file else ()),
                ],
                env={name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """Kill the process and wait until it is gone."""
        self._connection.close()
        self._reap()

    def wait_until_ready(self) -> None:
        """Return once the process can analyse. Raises AnalyserUnusable when it never will."""
        if self._ready:
            return
        try:
            message = wire.receive(self._connection) if self._connection.poll(_START_SECONDS) else None
        except (EOFError, OSError):
            raise AnalyserUnusable(
                f"An analysis process ended at its start with status {self._reap()}: see the worker's log. Is "
                f"FNA_REPORTS_ANALYSIS_MEMORY_MIB={self._limits.memory_mib} enough?"
            ) from None
        if isinstance(message, wire.Unusable):
            raise AnalyserUnusable(message.message)
        if not isinstance(message, wire.Ready):
            raise AnalyserUnusable(f"An analysis process did not start within {_START_SECONDS:g} s.")
        self._ready = True

    def analyse(self, content: bytes, report_type: str, on_step: OnStep, *, with_narrative: bool) -> wire.Done:
        """Return the analysis of a report; `on_step` is called again and again, and what it raises passes.

        Raises DocumentError, AnalysisFailed and AnalyserUnusable. After anything that it raises, close the process.
        """
        self.wait_until_ready()
        self.reports += 1
        self._seen_bytes = 0
        deadline = time.monotonic() + self._limits.seconds
        try:
            wire.send(self._connection, wire.Request(report_type, with_narrative))
            self._connection.send_bytes(content)
            answer = self._answer(deadline, on_step)
        except (EOFError, OSError):
            raise errors.process_ended(self._reap(_LEAVE_SECONDS), self._seen_bytes, self._limits) from None
        match answer:
            case wire.Done(analysed):
                return self._sound(answer, analysed.analysis)
            case wire.Refused(reason, message):
                raise DocumentError(reason, message)
            case wire.OutOfMemory():
                raise errors.out_of_memory(self._limits)
            case wire.Failed(error):
                raise errors.processor_failed(error)
            case _:
                raise wire.ProtocolError(f"{answer} instead of an answer")

    @staticmethod
    def _sound(answer: wire.Done, analysis: ReportAnalysis) -> wire.Done:
        try:
            require_sound(analysis)
        except Unsound as error:
            raise errors.processor_failed(f"its result is of no use: {error}") from None
        return answer

    def _answer(self, deadline: float, on_step: OnStep) -> wire.Message:
        newest = wire.Step("VALIDATION", 0.0)
        while True:
            on_step(newest.step, newest.fraction)
            left = deadline - time.monotonic()
            if left <= 0:
                raise errors.took_too_long(self._limits)
            if not self._connection.poll(min(left, _BEAT_SECONDS)):
                self._seen_bytes = peak_memory(self.pid)
                continue
            message = wire.receive(self._connection)
            if not isinstance(message, wire.Step):
                return message
            newest = message

    def _reap(self, patience_seconds: float = 0.0) -> int:
        """Wait for the process to end by itself, then kill it; return its status."""
        try:
            return self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
