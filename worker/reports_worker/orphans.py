"""Ends the children of a worker with their parent, however that ends.

A child whose parent was killed would go on with a report that the broker has given to somebody else by then.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from celery import signals

_PR_SET_PDEATHSIG = 1


class _Parent:
    pid = 0


@signals.worker_init.connect
def remember_parent(**_: object) -> None:
    """Note who the parent is; called in it, before there are children."""
    _Parent.pid = os.getpid()


@signals.worker_process_init.connect
def end_with_parent(**_: object) -> None:
    """Have Linux kill this child when its parent ends; called in the child, and by the solo pool in the parent."""
    if sys.platform != "linux" or os.getpid() == _Parent.pid:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != _Parent.pid:
        # It ended before Linux was asked.
        os.kill(os.getpid(), signal.SIGKILL)
