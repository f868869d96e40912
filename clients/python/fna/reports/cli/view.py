"""What shows the progress of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BatchEvent


class View(ABC):
    """Shows the progress of one batch while it is entered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    @abstractmethod
    def show(self, event: BatchEvent, progress: BatchProgress) -> None:
        """Show what an event changed; `progress` includes it."""

    @abstractmethod
    def interrupted(self, error: ReportsError) -> None:
        """Tell that the stream was cut and is being resumed."""

    @abstractmethod
    def finish(self, progress: BatchProgress) -> None:
        """Tell how the batch ended."""

    def forget(self, batch_id: str) -> None:
        """Show nothing more of a batch, which may be over without a word."""
        return
