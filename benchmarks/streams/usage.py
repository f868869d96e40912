"""What a process uses, as Linux counts it."""

from __future__ import annotations

import os
from pathlib import Path

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Of /proc/PID/stat after the name of the program: user and system time; of /proc/PID/statm: the resident pages.
_USER_TIME, _SYSTEM_TIME = 11, 12
_RESIDENT = 1


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far, on all cores."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / _CLOCK_TICKS


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is not swapped out."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[_RESIDENT]) * _PAGE_BYTES
