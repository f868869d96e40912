"""The results of a batch as one stream, page by page, in the form that the client wants."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable

from fna.reports.v1.batch_status_service_pb2 import ListBatchResultsRequest, ListBatchResultsResponse
from reports_gateway.schemas.result import COLUMNS, BatchResult, row
from reports_gateway.upstream import Calls

MEDIA_TYPES = {"json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell instead of showing it."""


class Pages:
    """The pages of a batch's results; the next one is fetched when the one before was taken."""

    def __init__(self, upstream: Calls, request: ListBatchResultsRequest) -> None:
        self._upstream = upstream
        self._request = request

    async def fetch(self) -> ListBatchResultsResponse:
        """Return the page that the request asks for."""
        return await self._upstream.unary(self._upstream.services.status.ListBatchResults, self._request)

    async def after(self, page: ListBatchResultsResponse) -> AsyncIterator[list[BatchResult]]:
        """Yield the results of a page, and then those of the pages that follow it."""
        while True:
            yield [BatchResult.of(result) for result in page.results]
            if not page.next_page_token:
                return
            self._request.page_token = page.next_page_token
            page = await self.fetch()


async def as_json(pages: AsyncIterator[list[BatchResult]]) -> AsyncIterator[str]:
    """Yield one JSON object whose `results` are all results."""
    separator = '{"results":['
    async for results in pages:
        for result in results:
            yield separator + result.model_dump_json()
            separator = ","
    yield "]}" if separator == "," else separator + "]}"


async def as_json_lines(pages: AsyncIterator[list[BatchResult]]) -> AsyncIterator[str]:
    """Yield a line with a JSON object for each result."""
    async for results in pages:
        yield "".join(f"{result.model_dump_json()}\n" for result in results)


async def as_table(pages: AsyncIterator[list[BatchResult]]) -> AsyncIterator[str]:
    """Yield a table in CSV (RFC 4180) with a header, after a byte order mark: spreadsheets need it for UTF-8."""
    yield "\ufeff" + _lines([COLUMNS])
    async for results in pages:
        yield _lines(map(_shown, row(result)) for result in results)


FORMS = {"json": as_json, "jsonl": as_json_lines, "csv": as_table}


def _lines(rows: Iterable[Iterable[object]]) -> str:
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue()


def _shown(cell: object) -> object:
    """Return the cell as one that is shown: titles and file names are what anybody has written."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
