"""Follows a batch to its end, or all that match, and shows the progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from importlib.util import find_spec
from typing import TypedDict, Unpack
from uuid import UUID

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.lines_view import LinesView
from fna.reports.cli.summary import EVENTS_GONE
from fna.reports.cli.view import View
from fna.reports.client import ReportsClient
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BATCH_VIEW_BASIC, BatchStatus

__all__ = [
    "BatchProgress",
    "FollowInterrupted",
    "FollowOptions",
    "View",
    "default_view",
    "default_view_of_all",
    "follow",
    "follow_all",
    "follow_into",
]


class FollowInterrupted(KeyboardInterrupt):
    """Ctrl-C while a batch was followed; it goes on. `last_sequence` is where to continue, None before any event."""

    def __init__(self, batch_id: str, task_id: str | None, last_sequence: int | None) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id
        self.task_id = task_id
        self.last_sequence = last_sequence


class FollowOptions(TypedDict, total=False):
    """Those arguments of a watch that both kinds have."""

    within: timedelta | None
    heartbeat_interval: timedelta | None
    exclude_item_events: bool


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
    try:
        follow_into(progress, client, view or default_view(), task_id, after_sequence)
    except KeyboardInterrupt:
        raise FollowInterrupted(
            str(batch_id), None if task_id is None else str(task_id), progress.shown_sequence
        ) from None
    return progress


def follow_into(
    progress: BatchProgress,
    client: ReportsClient,
    view: View,
    task_id: UUID | str | None,
    after_sequence: int | None,
    **options: Unpack[FollowOptions],
) -> None:
    """Show the progress of a batch until its execution is over; `progress` is kept up to date all the time."""
    batch_id = progress.batch_id
    events = client.watch(batch_id, task_id, after_sequence, on_interruption=view.interrupted, **options)
    with view:
        for event in events:
            progress.apply(event)
            view.show(event, progress)
            progress.shown_sequence = progress.last_sequence
        if not progress.is_final:  # It was over before `after_sequence`, so that no event told.
            progress.take(client.get_batch(batch_id, task_id, view=BATCH_VIEW_BASIC))
        view.finish(progress)


def follow_all(
    client: ReportsClient,
    view: View,
    *,
    statuses: Iterable[BatchStatus.ValueType] = (),
    labels: Mapping[str, str] | None = None,
    **options: Unpack[FollowOptions],
) -> None:
    """Show the progress of all batches that match, those submitted later included, until `within` is over.

    Raises: what `ReportsClient.watch_batches` raises, `DeadlineExceededError` when `within` is over.
    """
    batches: dict[str, BatchProgress] = {}

    def interrupted(error: ReportsError) -> None:
        view.interrupted(error)
        if error.reason in EVENTS_GONE:
            # It starts again with those that are open.
            for batch_id in batches:
                view.forget(batch_id)
            batches.clear()

    events = client.watch_batches(statuses=statuses, labels=labels, on_interruption=interrupted, **options)
    with view:
        for event in events:
            progress = batches.setdefault(event.batch_id, BatchProgress(event.batch_id))
            progress.apply(event)
            view.show(event, progress)
            if progress.is_final:
                view.finish(progress)
                del batches[event.batch_id]


def default_view() -> View:
    """Return a live display on a terminal, and one line for each event elsewhere."""
    if not _is_live():
        return LinesView()
    from fna.reports.cli.terminal_view import TerminalView  # noqa: PLC0415  # rich is optional

    return TerminalView()


def default_view_of_all() -> View:
    """Return the same for many batches at once."""
    if not _is_live():
        return LinesView(with_batch=True)
    from fna.reports.cli.batches_view import BatchesView  # noqa: PLC0415  # as above

    return BatchesView()


def _is_live() -> bool:
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return False
    if find_spec("rich") is None:
        print("For a live display: pip install 'fna-reports[cli]'", file=sys.stderr)
        return False
    return True
