"""Follows a batch to its end and shows its progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from uuid import UUID

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.lines_view import LinesView
from fna.reports.cli.view import View
from fna.reports.client import ReportsClient
from fna.reports.v1.batch_pb2 import BATCH_VIEW_BASIC

__all__ = ["BatchProgress", "FollowInterrupted", "View", "default_view", "follow"]


class FollowInterrupted(KeyboardInterrupt):
    """Ctrl-C while a batch was followed; it goes on. `last_sequence` is where to continue, None before any event."""

    def __init__(self, batch_id: str, task_id: str | None, last_sequence: int | None) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id
        self.task_id = task_id
        self.last_sequence = last_sequence


def follow(
    client: ReportsClient,
    batch_id: UUID | str,
    *,
    task_id: UUID | str | None = None,
    after_sequence: int | None = None,
    names: Mapping[str, str] | None = None,
    view: View | None = None,
) -> BatchProgress:
    """Show the progress of a batch until its execution is over, and return how it ended.

    `names` gives reports a name instead of their id. `view` is by default a live display on a terminal, and one line
    for each event elsewhere. The other arguments are those of `ReportsClient.watch`.

    Raises: what `watch` raises; `FollowInterrupted` on Ctrl-C.
    """
    progress = BatchProgress(str(batch_id), names)
    shown = view or default_view()
    try:
        with shown:
            for event in client.watch(batch_id, task_id, after_sequence, on_interruption=shown.interrupted):
                progress.apply(event)
                shown.show(event, progress)
            if not progress.is_final:  # It was over before `after_sequence`, so that no event told.
                progress.take(client.get_batch(batch_id, task_id, view=BATCH_VIEW_BASIC))
            shown.finish(progress)
    except KeyboardInterrupt:
        raise FollowInterrupted(
            str(batch_id), None if task_id is None else str(task_id), progress.last_sequence
        ) from None
    return progress


def default_view() -> View:
    """Return a live display on a terminal, and one line for each event elsewhere."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return LinesView()
    if find_spec("rich") is None:
        print("For a live display: pip install 'fna-reports[cli]'", file=sys.stderr)
        return LinesView()
    from fna.reports.cli.terminal_view import TerminalView  # noqa: PLC0415  # rich is optional

    return TerminalView()
