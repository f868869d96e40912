"""The results of a batch over gRPC: items, reports and analyses together, page by page."""

from __future__ import annotations

import grpc
import pytest

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1.batch_status_service_pb2 import BatchResult, ListBatchResultsRequest
from reports_core.domain.analysis import RiskIndicator
from reports_core.storage.outcomes import Outcome
from tests.support.server import Client, refusal
from tests.support.storage import REFUSED, Store, analysis


async def all_results(client: Client, **fields: object) -> list[list[BatchResult]]:
    """Return the results of all pages."""
    request = ListBatchResultsRequest(**fields)  # type: ignore[arg-type]  # fields, as the test names them
    pages = []
    while True:
        response = await client.status.ListBatchResults(request)
        pages.append(list(response.results))
        if not response.next_page_token:
            return pages
        request.page_token = response.next_page_token


async def test_each_item_comes_with_its_report_and_what_its_analysis_says(client: Client, store: Store) -> None:
    batch = store.submit(3)
    store.run(batch, 0)
    store.run(batch, 1, REFUSED)
    (page,) = await all_results(client, batch_id=str(batch.batch_id))
    assert [result.item.position for result in page] == [0, 1, 2]
    assert [result.report.report_id for result in page] == [result.item.report_id for result in page]
    analysed, failed, waiting = page
    assert analysed.analysis.analysis_id == analysed.item.analysis_id
    assert analysed.analysis.optimism.value == analysis().optimism.value
    assert failed.item.error.message
    assert not failed.HasField("analysis")
    assert not waiting.HasField("analysis")
    assert waiting.item.status == pb.BATCH_ITEM_STATUS_PENDING


async def test_results_are_listed_once_and_by_status(client: Client, store: Store) -> None:
    batch = store.submit(5)
    for position in (0, 2, 4):
        store.run(batch, position)
    pages = await all_results(client, batch_id=str(batch.batch_id), page_size=2)
    assert [[result.item.position for result in page] for page in pages] == [[0, 1], [2, 3], [4]]
    completed = await all_results(
        client, batch_id=str(batch.batch_id), page_size=2, statuses=[pb.BATCH_ITEM_STATUS_COMPLETED]
    )
    assert [[result.item.position for result in page] for page in completed] == [[0, 2], [4]]


async def test_a_page_of_large_analyses_stays_below_what_clients_take(client: Client, store: Store) -> None:
    batch = store.submit(60)
    excerpts = tuple(RiskIndicator("risk", 0.5, "x" * 2_000) for _ in range(50))
    for position in range(60):
        store.run(batch, position, Outcome(analysis=analysis(risk_indicators=excerpts)))
    pages = await all_results(client, batch_id=str(batch.batch_id), page_size=100)
    assert [result.item.position for page in pages for result in page] == list(range(60))
    sizes = [sum(result.ByteSize() for result in page) for page in pages]
    assert len(sizes) > 2
    assert max(sizes) < 2.2 * 1024 * 1024


async def test_an_earlier_execution_is_shown_as_it_ended(client: Client, store: Store) -> None:
    batch = store.submit(2)
    store.run(batch, 0)
    store.run(batch, 1, REFUSED)
    first = str(store.batch(batch).task_id)
    store.run(store.retry(batch), 1)
    (before,) = await all_results(client, batch_id=str(batch.batch_id), task_id=first)
    (now,) = await all_results(client, batch_id=str(batch.batch_id))
    assert [result.HasField("analysis") for result in before] == [True, False]
    assert [result.HasField("analysis") for result in now] == [True, True]


async def test_nobody_is_shown_the_results_of_others(client: Client, store: Store) -> None:
    theirs = store.submit(1)
    store.rows("UPDATE batches SET owner = 'somebody else'")
    refused = await refusal(client.status.ListBatchResults(ListBatchResultsRequest(batch_id=str(theirs.batch_id))))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")


@pytest.mark.parametrize("token", ["nonsense", "WyIxMjMiLCAiNCJd"])
async def test_a_token_of_other_arguments_is_refused(client: Client, store: Store, token: str) -> None:
    batch = store.submit(1)
    request = ListBatchResultsRequest(batch_id=str(batch.batch_id), page_token=token)
    assert (await refusal(client.status.ListBatchResults(request))).reason == "PAGE_TOKEN_INVALID"
