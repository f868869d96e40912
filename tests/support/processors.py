"""Processors for tests, which do what the document says."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded

from reports_core.domain.analysis import ReportAnalysis, Score
from tests.support.waiting import eventually

_PATIENCE_SECONDS = 100.0


def obey(content: bytes, report_type: str, on_step: Callable[[str, float], None]) -> ReportAnalysis:
    """Do what the first line says, then answer the same analysis for every document.

    `tell PATH` appends the process id to a file. `wait PATH` does that and waits until `PATH.go` exists. `die` kills
    the process. `spin` computes without end, `resist` does so and ignores the soft time limit. `freeze PATH` is like
    `tell` and then sleeps in C, where nothing else of the process runs, no thread and no signal handler. `step PATH`
    is like `tell` and then takes one step after another until `PATH.go` exists. Anything else, such as `quick`, does
    nothing.
    """
    on_step("VALIDATION", 0.0)
    order, _, path = content.decode().splitlines()[0].partition(" ")
    match order:
        case "tell":
            _tell(Path(path))
        case "wait":
            _tell(Path(path))
            eventually(Path(f"{path}.go").exists, _PATIENCE_SECONDS, f"{path}.go")
        case "step":
            _tell(Path(path))
            _step_until(Path(f"{path}.go"), on_step)
        case "freeze":
            _tell(Path(path))
            # Called through PyDLL, it keeps the interpreter's lock.
            ctypes.PyDLL(None).sleep(int(_PATIENCE_SECONDS))
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "spin":
            _spin()
        case "resist":
            with contextlib.suppress(SoftTimeLimitExceeded):
                _spin()
            _spin()
    on_step("SENTIMENT_ANALYSIS", 0.5)
    return _ANALYSIS


def _tell(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")


def _step_until(path: Path, on_step: Callable[[str, float], None]) -> None:
    def reached() -> bool:
        on_step("SCORING", 0.25)
        return path.exists()

    eventually(reached, _PATIENCE_SECONDS, str(path))


def _spin() -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        pass


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
