"""How much of the machine the analysis of one report may take."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024
_MAX_OPEN_FILES = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an analysis process."""

    seconds: float = 60.0
    """For one report, of time as of processor time."""
    memory_mib: int = 1024
    """Address space of the process, which is a little more than the memory in use."""
    reports: int = 50
    """How many reports one process analyses before the next takes its place."""

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * _MIB


def confine(limits: Limits) -> None:
    """Put this process under the limits that hold for all its life; it leaves no core dump."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(_MAX_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def allow_processor_time(limits: Limits) -> None:
    """Let this process compute for the time of one more report; after it, SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # The limit is in whole seconds and counts from the start of the process.
    soft = int(used.ru_utime + used.ru_stime + limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def forget_peak_memory() -> None:
    """Begin to count the peak of this process' memory anew, where Linux allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(pid: int | str = "self") -> int:
    """Return the most memory that a process has had in use, in bytes; 0 where there is no /proc or no such process.

    What `wait4` tells of an ended process would also count its parent's memory at the moment of the fork.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    peaks = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0].split()[1]) * 1024 if peaks else 0
