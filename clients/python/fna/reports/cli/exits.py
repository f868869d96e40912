"""The exit codes of the command."""

from __future__ import annotations

from enum import IntEnum

from fna.reports.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_PARTIALLY_COMPLETED,
    BatchStatus,
)


class WrongUsage(Exception):
    """The command line asks for what does not go together; the text says what."""


class Exit(IntEnum):
    """What a script can tell from the exit code."""

    OK = 0
    ERROR = 1  # Refused, or the server was not reached.
    USAGE = 2
    PARTIALLY_COMPLETED = 3
    FAILED = 4
    CANCELLED = 5
    INTERRUPTED = 130  # As a shell has it for SIGINT.


_BY_STATUS = {
    BATCH_STATUS_COMPLETED: Exit.OK,
    BATCH_STATUS_PARTIALLY_COMPLETED: Exit.PARTIALLY_COMPLETED,
    BATCH_STATUS_FAILED: Exit.FAILED,
    BATCH_STATUS_CANCELLED: Exit.CANCELLED,
}


def exit_of(status: BatchStatus.ValueType) -> Exit:
    """Return the exit code for the status that a batch ended with."""
    return _BY_STATUS.get(status, Exit.ERROR)
