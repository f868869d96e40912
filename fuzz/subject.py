"""What is fuzzed: the analysis, in a process that is replaced when a document ends it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from fuzz.child import LENGTH

_OUT_OF_MEMORY = frozenset({signal.SIGABRT, signal.SIGTRAP, signal.SIGILL})
_MUCH_MEMORY = 512 * 1024 * 1024
ANALYSIS = (sys.executable, "-m", "fuzz.child")


@dataclass(frozen=True, slots=True)
class Execution:
    """How one document ended."""

    outcome: str
    """`ANALYSED`, a reason of DocumentError, `OUT_OF_MEMORY`, of which the worker makes LIMIT_EXCEEDED, or what went
    wrong: `raised ...`, `killed by ...`, `took too long`."""
    seconds: float
    peak_bytes: int

    @property
    def is_finding(self) -> bool:
        return not self.outcome.isupper()


class Subject:
    """A process that takes documents, started again whenever one has ended it."""

    def __init__(self, timeout_seconds: float, command: Sequence[str] = ANALYSIS) -> None:
        self._timeout = timeout_seconds
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def execute(self, content: bytes) -> Execution:
        """Analyse `content`, for as long as is allowed."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(LENGTH.pack(len(content)) + content)
            process.stdin.flush()
        except BrokenPipeError:
            return self._died(process)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(self._timeout):
                self._end()
                return Execution("took too long", self._timeout, 0)
        line = process.stdout.readline()
        return Execution(**json.loads(line)) if line.endswith(b"\n") else self._died(process)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def _died(self, process: subprocess.Popen[bytes]) -> Execution:
        """Say what ended the process: native code that gets no memory ends it itself, as the worker expects."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * 1024
        self._end()
        if process.returncode >= 0:
            return Execution(f"ended with status {process.returncode}", 0.0, peak)
        cause = signal.Signals(-process.returncode)
        if cause in _OUT_OF_MEMORY and peak > _MUCH_MEMORY:
            return Execution("OUT_OF_MEMORY", 0.0, peak)
        return Execution(f"killed by {cause.name}", 0.0, peak)

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None
