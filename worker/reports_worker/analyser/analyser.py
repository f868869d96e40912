"""The analysis processes of one worker process: as many as it runs reports at once, kept from report to report."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reports_worker.analyser.limits import Limits
from reports_worker.analyser.process import AnalysisProcess
from reports_worker.analyser.wire import Done
from reports_worker.processor import OnStep

_MUCH_MEMORY = 0.5
"""Share of the limit from which on a process is not used again: what it keeps would be missing for the next report."""


def check(limits: Limits, lexicon_file: Path | None = None) -> None:
    """Start a process and wait until it can analyse. Raises AnalyserUnusable when none ever will."""
    process = AnalysisProcess(limits, lexicon_file)
    try:
        process.wait_until_ready()
    finally:
        process.close()


class Analyser:
    """Analyses reports; safe for threads, of no use to a forked child."""

    def __init__(self, limits: Limits, lexicon_file: Path | None = None) -> None:
        """Take the limits of each process, and what our own processors score with; see `lexicon.load`."""
        self._limits = limits
        self._lexicon_file = lexicon_file
        self._idle: list[AnalysisProcess] = []
        self._lock = threading.Lock()
        # Linux takes the thread that starts a process for its parent: with it, the process ends.
        self._starter = ThreadPoolExecutor(1, "analyser")

    def start(self) -> None:
        """Start a process for the next report, without waiting for it."""
        process = self._started()
        with self._lock:
            self._idle.append(process)

    def analyse(self, content: bytes, report_type: str, on_step: OnStep, *, with_narrative: bool = False) -> Done:
        """Return the analysis of a report.

        `on_step` is called when a step begins and ten times a second; what it raises ends the analysis and passes, as
        does any other exception that strikes. Raises DocumentError, AnalysisFailed and AnalyserUnusable. The process
        is replaced after whatever was raised.
        """
        process = self._take()
        try:
            done = process.analyse(content, report_type, on_step, with_narrative=with_narrative)
        except BaseException:
            process.close()
            self.start()
            raise
        self._put_back(process, done)
        return done

    def close(self) -> None:
        """End the processes; call it when no report is analysed any more."""
        for process in self._idle:
            process.close()
        self._starter.shutdown()

    def _take(self) -> AnalysisProcess:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process
                process.close()
        return self._started()

    def _started(self) -> AnalysisProcess:
        return self._starter.submit(AnalysisProcess, self._limits, self._lexicon_file).result()

    def _put_back(self, process: AnalysisProcess, done: Done) -> None:
        spent = process.reports >= self._limits.reports
        if spent or done.peak_bytes > self._limits.memory_bytes * _MUCH_MEMORY:
            process.close()
            self.start()
            return
        with self._lock:
            self._idle.append(process)
