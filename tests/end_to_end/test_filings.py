"""Real filings, and documents that harm careless readers, through a worker: each ends as it must."""

from __future__ import annotations

from pathlib import Path

import pytest

from fna.reports import InvalidRequestError
from fna.reports.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_PARTIALLY_COMPLETED, Batch
from fna.reports.v1.report_pb2 import ReportType
from tests.support import filings
from tests.support.filings import FILINGS, HOSTILE_ENDS
from tests.support.stack import Running, Stack, python_path

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository"),
]
SECONDS = 30.0
_EMPTY = "empty_0_bytes.txt"
_COMPANY = "0f0f4a52-2a3d-4a57-8a52-7f43d1f9f0b1"


@pytest.fixture
def stack(database_url: str, tmp_path: Path) -> Stack:
    """Give a stack with the processors that the product comes with."""
    return Stack(database_url, tmp_path, PYTHONPATH=python_path())


def analysed(stack: Stack, paths: list[Path], worker: Running, within: float) -> tuple[Batch, dict[str, str]]:
    """Analyse the files as one batch without losing a worker; return it and how each file ended."""
    with stack.client() as client:
        reports = [
            client.upload(
                path,
                company_id=_COMPANY,
                report_type=ReportType.Value(f"REPORT_TYPE_{filings.report_type_of(path.name)}"),
            ).report_id
            for path in paths
        ]
        batch = client.submit(reports).message
    batch = stack.finished(batch.batch_id, within)
    items = stack.rows(
        """
        SELECT status, error_reason, attempt, lost_workers, extract(epoch FROM processed_at - started_at) AS seconds
        FROM batch_items WHERE batch_id = %s ORDER BY position
        """,
        batch.batch_id,
    )
    assert {(item["attempt"], item["lost_workers"]) for item in items} == {(1, 0)}
    assert max(item["seconds"] for item in items) < SECONDS
    assert "WorkerLostError" not in worker.output()
    ends = (item["error_reason"] or "ANALYSED" for item in items)
    return batch, {path.name: end for path, end in zip(paths, ends, strict=True)}


def test_every_filing_is_analysed(stack: Stack) -> None:
    paths = [FILINGS / name for name in filings.names()]
    with stack:
        stack.start_server()
        with stack.start_worker() as worker:
            batch, ends = analysed(stack, paths, worker, within=120)
    assert set(ends.values()) == {"ANALYSED"}
    assert (batch.status, batch.successful) == (BATCH_STATUS_COMPLETED, 41)


def test_every_hostile_document_ends_with_its_reason(stack: Stack) -> None:
    paths = [FILINGS / "hostile" / name for name in HOSTILE_ENDS if name != _EMPTY]
    with stack:
        stack.start_server()
        with stack.client() as client, pytest.raises(InvalidRequestError, match="the document is empty"):
            client.upload(FILINGS / "hostile" / _EMPTY, company_id=_COMPANY, report_type=ReportType.REPORT_TYPE_OTHER)
        with stack.start_worker() as worker:
            batch, ends = analysed(stack, paths, worker, within=120)
    assert batch.status == BATCH_STATUS_PARTIALLY_COMPLETED
    assert ends == {name: end for name, end in HOSTILE_ENDS.items() if name != _EMPTY}
