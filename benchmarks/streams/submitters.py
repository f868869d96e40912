"""Callers that submit batches one after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import grpc.aio

from fna.reports.v1.batch_submission_service_pb2 import SubmitBatchRequest
from fna.reports.v1.batch_submission_service_pb2_grpc import BatchSubmissionServiceStub

_CALL_SECONDS = 60.0


class Submitters:
    """A connection to a server, and what is submitted again and again."""

    def __init__(self, address: str, report_ids: Sequence[str]) -> None:
        self._stub = BatchSubmissionServiceStub(grpc.aio.insecure_channel(address))
        self._request = SubmitBatchRequest(report_ids=report_ids)

    async def submit(self, callers: int, seconds: float) -> float:
        """Have so many callers submit for so long; return batches per second."""
        began = time.monotonic()
        counts = await asyncio.gather(*(self._call_until(began + seconds) for _ in range(callers)))
        return sum(counts) / (time.monotonic() - began)

    async def _call_until(self, deadline: float) -> int:
        count = 0
        while time.monotonic() < deadline:
            await self._stub.SubmitBatch(self._request, timeout=_CALL_SECONDS)
            count += 1
        return count
