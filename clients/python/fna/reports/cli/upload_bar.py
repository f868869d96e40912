"""How far uploads are, as a bar on the terminal; needs rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column

# Less than what names need beside the figures.
_NARROW = 90


class UploadBar:
    """One bar for all documents, over their bytes, with the name of the one that is being uploaded.

    It is on stderr, since ids are printed to stdout, and gone when it stops.
    """

    def __init__(self, documents: Sequence[Path], console: Console | None = None) -> None:
        self._sizes = [_size(document) for document in documents]
        self._count = 0
        console = console or Console(stderr=True)
        details = () if console.width < _NARROW else (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            BarColumn(bar_width=20),
            *details,
            console=console,
            transient=True,
            expand=True,
            # It would send what is printed meanwhile to stderr.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=sum(self._sizes))

    def start(self) -> None:
        """Show it."""
        self._bar.start()

    def stop(self) -> None:
        """Hide it for good."""
        self._bar.stop()

    def next(self, document: Path) -> None:
        """Begin with the next document."""
        self._count += 1
        before = sum(self._sizes[: self._count - 1])
        self._bar.update(
            self._task, completed=before, description=f"{self._count} of {len(self._sizes)}  {document.name}"
        )

    def moved(self, sent_bytes: int, total_bytes: int) -> None:
        """Show how much of the document is sent; called from another thread."""
        before = sum(self._sizes[: self._count - 1])
        self._bar.update(self._task, completed=before + sent_bytes)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide it for a while."""
        self._bar.stop()
        yield
        self._bar.start()


def _size(document: Path) -> int:
    try:
        return document.stat().st_size
    except OSError:  # Told when it is uploaded.
        return 0
