"""Processors for tests, which do what the document says."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from reports_core.domain.analysis import ReportAnalysis, Score
from reports_worker.processor import Analysed, OnStep, Passage
from tests.support.waiting import eventually

_PATIENCE_SECONDS = 100.0


def obey(content: bytes, report_type: str, on_step: OnStep) -> Analysed:
    """Do what the first line says, then answer the same analysis for every document.

    `tell PATH` appends to a file the id of the worker's process that has the report, and that of the analysis process.
    `wait PATH` does that and waits until `PATH.go` exists. `step PATH` is like it and takes one step after another
    meanwhile. `freeze PATH` is like `tell` and then sleeps in C, where nothing else of the process runs, no thread and
    no signal handler. `stall PATH` is like `tell` and then stops the worker's process.

    `die` kills the worker's process, `crash` the analysis process by a signal of the parser's, `vanish` by one from
    outside, and `leave` ends it. `fail` raises. `spin` computes without end, `eat` takes memory without end, `babble`
    says what the worker does not understand, `dream` makes an analysis that nobody can use. Anything else, such as
    `quick`, does nothing.
    """
    on_step("VALIDATION", 0.0)
    order, _, path = content.decode().splitlines()[0].partition(" ")
    if order in _WITH_PATH:
        _tell(Path(path))
        _WITH_PATH[order](Path(path), on_step)
    elif order in _ALONE:
        _ALONE[order]()
    on_step("SENTIMENT_ANALYSIS", 0.5)
    analysis = replace(_ANALYSIS, warnings=("\0",)) if order == "dream" else _ANALYSIS
    return Analysed(analysis, (Passage("OTHER", order, content.decode()),))


def _tell(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{os.getppid()} {os.getpid()}\n")


def _go_on(path: Path, on_step: OnStep) -> None:
    pass


def _wait(path: Path, on_step: OnStep) -> None:
    eventually(Path(f"{path}.go").exists, _PATIENCE_SECONDS, f"{path}.go")


def _step(path: Path, on_step: OnStep) -> None:
    def reached() -> bool:
        on_step("SCORING", 0.25)
        return Path(f"{path}.go").exists()

    eventually(reached, _PATIENCE_SECONDS, f"{path}.go")


def _freeze(path: Path, on_step: OnStep) -> None:
    # Called through PyDLL, it keeps the interpreter's lock.
    ctypes.PyDLL(None).sleep(int(_PATIENCE_SECONDS))


def _stall(path: Path, on_step: OnStep) -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    _wait(path, on_step)


def _fail() -> None:
    raise LookupError


def _spin() -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        pass


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(bytes(1024 * 1024))


def _babble() -> None:
    """Write to every socket of this process."""
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"\0\0\0\2{}")


_WITH_PATH: Mapping[str, Callable[[Path, OnStep], None]] = {
    "tell": _go_on,
    "wait": _wait,
    "step": _step,
    "freeze": _freeze,
    "stall": _stall,
}
_ALONE: Mapping[str, Callable[[], None]] = {
    "die": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "vanish": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "leave": lambda: os._exit(3),
    "fail": _fail,
    "spin": _spin,
    "eat": _eat,
    "babble": _babble,
}

_NEUTRAL = Score(0.5, 0.9)
_ANALYSIS = ReportAnalysis(
    model_version="test/1",
    content_type="text/plain",
    word_count=1,
    optimism=_NEUTRAL,
    risk=_NEUTRAL,
    uncertainty=_NEUTRAL,
    key_themes=(),
    risk_indicators=(),
    sections=(),
    financial_metrics=(),
    warnings=(),
)
