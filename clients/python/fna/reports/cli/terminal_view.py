"""The progress of a batch as a live display on a terminal; needs rich."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.display import STYLES, counters_markup, error_line
from fna.reports.cli.names import bare_name
from fna.reports.cli.summary import end_lines, interruption_text
from fna.reports.cli.view import View
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BatchEvent, BatchStatus

_MOST_RUNNING = 8
# Less than what a bar with its counters beside it needs.
_NARROW = 90


class TerminalView(View):
    """An overall bar with counters, below it the reports that are running, above it errors as they happen."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._is_narrow = self._console.width < _NARROW
        counters = () if self._is_narrow else (TextColumn("{task.fields[counters]}"),)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            *counters,
            TimeElapsedColumn(),
            console=self._console,
        )
        self._task: TaskID = self._bar.add_task("PROCESSING", total=None, counters="")
        self._counters = ""
        self._notice = ""
        self._progress: BatchProgress | None = None
        self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: BatchEvent, progress: BatchProgress) -> None:
        self._notice = ""
        self._progress = progress
        self._update_bar(progress)
        if event.HasField("item_changed"):
            line = error_line(event.item_changed, progress)
            if line is not None:
                self._console.print(line)

    def interrupted(self, error: ReportsError) -> None:
        self._notice = interruption_text(error)

    def finish(self, progress: BatchProgress) -> None:
        self._notice = ""
        self._progress = None
        self._update_bar(progress)
        self._live.stop()  # The last words belong below the bar.
        first, *hints = end_lines(progress)
        # Wrapped by the terminal, so that the commands can be copied.
        self._console.print(Text(first, STYLES.get(progress.status, "bold")), soft_wrap=True)
        for hint in hints:
            self._console.print(Text(hint, "dim"), soft_wrap=True)

    def _update_bar(self, progress: BatchProgress) -> None:
        self._counters = counters_markup(progress)
        self._bar.update(
            self._task,
            description=bare_name(BatchStatus.DESCRIPTOR, progress.status),
            total=progress.counters.total_reports,
            completed=progress.processed,
            counters=self._counters,
        )

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = [self._bar]
        if self._is_narrow and self._counters:
            parts.append(Text.from_markup(f"  {self._counters}", overflow="ellipsis"))
        if self._progress is not None and self._progress.running:
            parts.append(_running_table(self._progress))
        if self._notice:
            parts.append(Text(self._notice, "yellow", overflow="ellipsis", no_wrap=True))
        return Group(*parts)


def _running_table(progress: BatchProgress) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(no_wrap=True, overflow="ellipsis")
    # The display is drawn by a thread of its own.
    running = list(progress.running.items())
    for report_id, report in running[:_MOST_RUNNING]:
        fraction = f"{report.fraction:.0%}" if report.step else ""
        table.add_row("", escape(progress.name(report_id)), f"[cyan]{escape(report.step)}[/]", fraction)
    if len(running) > _MOST_RUNNING:
        table.add_row("", f"[dim]and {len(running) - _MOST_RUNNING} more[/]")
    return table
