"""The results of a batch over HTTP, in the forms that people use."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator

import grpc
import pytest

from fna.reports.v1 import batch_pb2, report_pb2
from fna.reports.v1.batch_status_service_pb2 import BatchResult, ListBatchResultsRequest, ListBatchResultsResponse
from tests.unit.gateway_peer import BATCH_ID, REPORT_ID, TASK_ID, Gateway, Peer, refusal, report, running, serve

RESULTS = f"/v1/reports/batch/{BATCH_ID}/results"


@pytest.fixture
def peer() -> Peer:
    return Peer(answers={"ListBatchResults": ListBatchResultsResponse(results=[analysed(), failed()])})


@pytest.fixture
async def gateway(peer: Peer) -> AsyncIterator[Gateway]:
    async with serve(peer) as target, running(target) as gateway:
        yield gateway


def analysed() -> BatchResult:
    return BatchResult(
        item=batch_pb2.BatchItem(report_id=REPORT_ID, status=batch_pb2.BATCH_ITEM_STATUS_COMPLETED, analysis_id="a"),
        report=report(title="=HYPERLINK()", fiscal_period="FY 2024"),
        analysis=report_pb2.ReportAnalysis(
            analysis_id="a",
            report_id=REPORT_ID,
            model_version="test/1",
            optimism=report_pb2.Score(value=0.75, confidence=0.9),
            key_themes=[report_pb2.NarrativeTheme(label="supply chain"), report_pb2.NarrativeTheme(label="tariffs")],
            sections=[report_pb2.NarrativeSection(word_count=3), report_pb2.NarrativeSection(word_count=4)],
        ),
    )


def failed() -> BatchResult:
    error = refusal(grpc.StatusCode.FAILED_PRECONDITION, "IMAGE_ONLY", text='A scan, "probably": run OCR.')
    return BatchResult(
        item=batch_pb2.BatchItem(
            report_id=REPORT_ID, position=1, status=batch_pb2.BATCH_ITEM_STATUS_FAILED, error=error
        ),
        report=report(),
    )


def request(peer: Peer) -> ListBatchResultsRequest:
    found = peer.requests[-1]
    assert isinstance(found, ListBatchResultsRequest)
    return found


async def test_json_is_one_object(gateway: Gateway) -> None:
    answer = await gateway.client.get(RESULTS)
    assert answer.headers["content-type"] == "application/json"
    first, second = answer.json()["results"]
    assert first["analysis"]["optimism"] == {"value": 0.75, "confidence": 0.9}
    assert first["item"]["status"] == "COMPLETED"
    assert second["analysis"] is None
    assert second["item"]["errors"][0]["reason"] == "IMAGE_ONLY"


async def test_json_lines_are_an_object_each(gateway: Gateway) -> None:
    answer = await gateway.client.get(RESULTS, params={"format": "jsonl"})
    assert answer.headers["content-type"] == "application/jsonl"
    assert [json.loads(line)["item"]["position"] for line in answer.text.splitlines()] == [0, 1]


async def test_a_table_has_a_row_for_each_result(gateway: Gateway) -> None:
    answer = await gateway.client.get(RESULTS, params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="batch-{BATCH_ID}.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert (first["optimism"], first["risk"], first["word_count"]) == ("0.75", "", "7")
    assert first["key_themes"] == "supply chain; tariffs"
    assert second["error_message"] == 'A scan, "probably": run OCR.'
    assert second["optimism"] == ""
    assert None not in first


async def test_no_cell_is_a_formula(gateway: Gateway) -> None:
    answer = await gateway.client.get(RESULTS, params={"format": "csv"})
    (first, _) = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert first["title"] == "'=HYPERLINK()"


async def test_all_pages_become_one_answer(gateway: Gateway, peer: Peer) -> None:
    peer.answers["ListBatchResults"] = [
        ListBatchResultsResponse(results=[analysed()], next_page_token="second"),
        ListBatchResultsResponse(results=[failed()]),
    ]
    assert len((await gateway.client.get(RESULTS)).json()["results"]) == 2
    assert request(peer).page_token == "second"


async def test_a_batch_without_results_is_valid_in_every_form(gateway: Gateway, peer: Peer) -> None:
    peer.answers["ListBatchResults"] = ListBatchResultsResponse()
    assert (await gateway.client.get(RESULTS)).json() == {"results": []}
    assert (await gateway.client.get(RESULTS, params={"format": "jsonl"})).text == ""
    assert len((await gateway.client.get(RESULTS, params={"format": "csv"})).text.splitlines()) == 1


async def test_what_is_asked_for_is_passed_on(gateway: Gateway, peer: Peer) -> None:
    await gateway.client.get(RESULTS, params={"status": ["FAILED", "CANCELLED"], "task_id": TASK_ID})
    assert request(peer).task_id == TASK_ID
    assert list(request(peer).statuses) == [
        batch_pb2.BATCH_ITEM_STATUS_FAILED,
        batch_pb2.BATCH_ITEM_STATUS_CANCELLED,
    ]


async def test_a_batch_that_is_not_there_is_a_real_status(gateway: Gateway, peer: Peer) -> None:
    peer.answers["ListBatchResults"] = refusal(grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")
    answer = await gateway.client.get(RESULTS, params={"format": "csv"})
    assert (answer.status_code, answer.json()["reason"]) == (404, "BATCH_NOT_FOUND")


async def test_an_unknown_format_is_refused(gateway: Gateway, peer: Peer) -> None:
    answer = await gateway.client.get(RESULTS, params={"format": "xls"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "format")
    assert not peer.requests
