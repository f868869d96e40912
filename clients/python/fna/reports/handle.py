"""A batch in the hands of who submitted it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from fna.reports._requests import Id
from fna.reports.v1.batch_pb2 import BATCH_VIEW_BASIC, Batch, BatchEvent
from fna.reports.v1.batch_status_service_pb2 import BatchResult

if TYPE_CHECKING:
    from fna.reports._connection import OnInterruption
    from fna.reports.async_client import AsyncReportsClient
    from fna.reports.client import ReportsClient


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What an execution came to: the batch as it ended, and each report with its analysis, in the order of submission.

    A report that did not succeed has no `analysis`; its `item.error` says why.
    """

    batch: Batch
    results: list[BatchResult]


class BatchHandle:
    """One execution of a batch: what `ReportsClient.submit`, `retry` and `batch` return.

    `message` is the batch as that call returned it. A handle holds nothing open and need not be closed.
    """

    def __init__(self, client: ReportsClient, message: Batch) -> None:
        self.message = message
        self._client = client

    @property
    def batch_id(self) -> str:
        """The identifier of the batch, for life."""
        return self.message.batch_id

    @property
    def task_id(self) -> str:
        """The identifier of this execution."""
        return self.message.task_id

    def __repr__(self) -> str:
        return f"<BatchHandle batch_id={self.batch_id} task_id={self.task_id}>"

    def events(
        self,
        after_sequence: int | None = None,
        heartbeat_interval: timedelta | None = None,
        *,
        exclude_item_events: bool = False,
        within: timedelta | None = None,
        on_interruption: OnInterruption | None = None,
    ) -> Generator[BatchEvent, None, None]:
        """Yield what happens to this execution from `message` on until it is over; see `ReportsClient.watch`.

        So nothing is missed, and no `snapshot` comes unless the history is no longer kept. `after_sequence` begins
        elsewhere; 0 is the whole history.
        """
        return self._client.watch(
            self.batch_id,
            self.task_id,
            self.message.last_sequence if after_sequence is None else after_sequence,
            heartbeat_interval,
            exclude_item_events=exclude_item_events,
            within=within,
            on_interruption=on_interruption,
        )

    def result(self, within: timedelta | None = None) -> BatchOutcome:
        """Wait until this execution is over and return what it came to, with all results in memory.

        `ReportsClient.list_results` has them page by page, also before the end.

        Raises: `DeadlineExceededError` when it is not over `within` this time; what `ReportsClient.watch` raises.
        """
        for _ in self.events(exclude_item_events=True, within=within):
            pass
        batch = self._client.get_batch(self.batch_id, self.task_id, view=BATCH_VIEW_BASIC)
        return BatchOutcome(batch, list(self._client.list_results(self.batch_id, task_id=self.task_id)))

    def cancel(self, *, reason: str = "") -> Batch:
        """Request cancellation of the batch and return it; see `ReportsClient.cancel`."""
        return self._client.cancel(self.batch_id, reason=reason)

    def retry(self, *, report_ids: Iterable[Id] = (), request_id: Id | None = None) -> BatchHandle:
        """Start a new execution over what did not succeed and return its handle; see `ReportsClient.retry`."""
        return self._client.retry(self.batch_id, report_ids=report_ids, request_id=request_id)


class AsyncBatchHandle:
    """One execution of a batch: what `AsyncReportsClient.submit`, `retry` and `batch` return; see `BatchHandle`."""

    def __init__(self, client: AsyncReportsClient, message: Batch) -> None:
        self.message = message
        self._client = client

    @property
    def batch_id(self) -> str:
        """The identifier of the batch, for life."""
        return self.message.batch_id

    @property
    def task_id(self) -> str:
        """The identifier of this execution."""
        return self.message.task_id

    def __repr__(self) -> str:
        return f"<AsyncBatchHandle batch_id={self.batch_id} task_id={self.task_id}>"

    def events(
        self,
        after_sequence: int | None = None,
        heartbeat_interval: timedelta | None = None,
        *,
        exclude_item_events: bool = False,
        within: timedelta | None = None,
        on_interruption: OnInterruption | None = None,
    ) -> AsyncGenerator[BatchEvent, None]:
        """Yield what happens to this execution from `message` on until it is over; see `BatchHandle.events`."""
        return self._client.watch(
            self.batch_id,
            self.task_id,
            self.message.last_sequence if after_sequence is None else after_sequence,
            heartbeat_interval,
            exclude_item_events=exclude_item_events,
            within=within,
            on_interruption=on_interruption,
        )

    async def result(self, within: timedelta | None = None) -> BatchOutcome:
        """Wait until this execution is over and return what it came to; see `BatchHandle.result`."""
        async for _ in self.events(exclude_item_events=True, within=within):
            pass
        batch = await self._client.get_batch(self.batch_id, self.task_id, view=BATCH_VIEW_BASIC)
        results = [result async for result in self._client.list_results(self.batch_id, task_id=self.task_id)]
        return BatchOutcome(batch, results)

    async def cancel(self, *, reason: str = "") -> Batch:
        """Request cancellation of the batch and return it; see `ReportsClient.cancel`."""
        return await self._client.cancel(self.batch_id, reason=reason)

    async def retry(self, *, report_ids: Iterable[Id] = (), request_id: Id | None = None) -> AsyncBatchHandle:
        """Start a new execution over what did not succeed and return its handle; see `ReportsClient.retry`."""
        return await self._client.retry(self.batch_id, report_ids=report_ids, request_id=request_id)
