"""What ends the analysis of a report, other than the document's own fault.

AnalyserError
├── AnalyserUnusable    no process can be started
└── AnalysisFailed      the report's attempt is over
"""

from __future__ import annotations

import signal

from reports_core.domain.retry import Failure
from reports_worker.analyser.limits import Limits

OUT_OF_MEMORY_STATUS = 77
"""The status of a process that has not even the memory to say that it has none."""


class AnalyserError(Exception):
    """The analysis process did not do its work."""


class AnalyserUnusable(AnalyserError):
    """Correct what the message names and start the worker again: no report can be analysed."""


class AnalysisFailed(AnalyserError):
    """Store `failure` as the end of the attempt."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def took_too_long(limits: Limits) -> AnalysisFailed:
    return AnalysisFailed(
        Failure(
            "TIMED_OUT",
            f"The analysis took longer than {limits.seconds:g} s. Submit a smaller document, or have the operator "
            "raise FNA_REPORTS_ANALYSIS_SECONDS and retry the batch.",
        )
    )


def out_of_memory(limits: Limits) -> AnalysisFailed:
    return AnalysisFailed(
        Failure(
            "LIMIT_EXCEEDED",
            f"The analysis needs more than {limits.memory_mib:,} MiB of memory. Submit a smaller document, or have the "
            "operator raise FNA_REPORTS_ANALYSIS_MEMORY_MIB and retry the batch.",
        )
    )


def processor_failed(error: str) -> AnalysisFailed:
    return AnalysisFailed(
        Failure(
            "INTERNAL",
            f"The analysis failed unexpectedly ({error}). The worker's log has the details; report it to the operator "
            "and retry the batch when it is fixed.",
            retryable=True,
        )
    )


def process_ended(status: int, seen_bytes: int, limits: Limits) -> AnalysisFailed:
    """Return why an analysis process that ended by itself did so.

    `status` is as of `Popen.returncode`, `seen_bytes` the most memory that it was last seen to have used.
    """
    if status == -signal.SIGXCPU:
        return took_too_long(limits)
    if status == OUT_OF_MEMORY_STATUS:
        return out_of_memory(limits)
    if status == -signal.SIGKILL:
        return _killed()
    if status >= 0:
        return processor_failed(f"its process ended with status {status}")
    # Native code that gets no memory ends itself, in as many ways as there are libraries.
    if seen_bytes > limits.memory_bytes * _MUCH_MEMORY:
        return out_of_memory(limits)
    return _crashed(status)


_MUCH_MEMORY = 0.25


def _killed() -> AnalysisFailed:
    return AnalysisFailed(
        Failure(
            "PARSER_LOST",
            "The process that analysed this report was killed from outside, most likely because the machine ran out of "
            "memory. It is tried again; if that keeps happening, give the worker more memory or a lower --concurrency.",
            retryable=True,
        )
    )


def _crashed(status: int) -> AnalysisFailed:
    name = signal.Signals(-status).name
    return AnalysisFailed(
        Failure(
            "CORRUPT",
            f"The document is damaged in a way that crashes the parser ({name}): download it again from its source "
            "and upload that copy, or export it anew.",
        )
    )
