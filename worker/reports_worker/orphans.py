"""Ends the children of a worker with their parent, however that ends.

A child whose parent was killed would go on with a report that the broker has given to somebody else by then.
"""

from __future__ import annotations

import os

from celery import signals

from reports_worker.parent_death import die_with


class _Parent:
    pid = 0


@signals.worker_init.connect
def remember_parent(**_: object) -> None:
    """Note who the parent is; called in it, before there are children."""
    _Parent.pid = os.getpid()


@signals.worker_process_init.connect
def end_with_parent(**_: object) -> None:
    """Have this child end with its parent; called in the child, and by the solo pool in the parent."""
    if os.getpid() != _Parent.pid:
        die_with(_Parent.pid)
