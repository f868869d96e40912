"""The progress of many batches as a live display on a terminal; needs rich."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.display import STYLES, counters_markup, error_line
from fna.reports.cli.names import bare_name
from fna.reports.cli.summary import end_lines, interruption_text, labels_text
from fna.reports.cli.view import View
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BatchEvent, BatchStatus

_MOST_BATCHES = 20


class BatchesView(View):
    """A bar for each batch that is not over, above them the batches as they end and the errors as they happen."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._bars = Progress(
            TextColumn("{task.fields[batch]}", markup=False),
            TextColumn("{task.description}"),
            BarColumn(20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counters]}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[labels]}", markup=False, table_column=Column(no_wrap=True)),
            console=self._console,
            refresh_per_second=8,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, event: BatchEvent, progress: BatchProgress) -> None:
        if event.HasField("item_changed"):
            line = error_line(event.item_changed, progress)
            if line is not None:
                self._console.print(line)
        counters = progress.counters
        if progress.batch_id not in self._tasks:
            visible = len(self._tasks) < _MOST_BATCHES
            self._tasks[progress.batch_id] = self._bars.add_task(
                "", total=counters.total_reports, visible=visible, batch=progress.batch_id, counters="", labels=""
            )
        self._bars.update(
            self._tasks[progress.batch_id],
            description=bare_name(BatchStatus.DESCRIPTOR, progress.status),
            total=counters.total_reports,
            completed=progress.processed,
            counters=counters_markup(progress),
            labels=labels_text(progress.labels),
        )

    def interrupted(self, error: ReportsError) -> None:
        self._console.print(Text(interruption_text(error), "yellow"))

    def finish(self, progress: BatchProgress) -> None:
        self.forget(progress.batch_id)
        self._console.print(Text(end_lines(progress)[0], STYLES.get(progress.status, "bold")), soft_wrap=True)

    def forget(self, batch_id: str) -> None:
        self._bars.remove_task(self._tasks.pop(batch_id))
        for hidden in list(self._tasks.values())[:_MOST_BATCHES]:
            self._bars.update(hidden, visible=True)
