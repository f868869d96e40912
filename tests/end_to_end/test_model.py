"""A worker that has reports reviewed by a language model, and one whose model is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from fna.reports.v1.batch_pb2 import BATCH_STATUS_CANCELLED, BATCH_STATUS_COMPLETED, Batch
from fna.reports.v1.report_pb2 import SECTION_TYPE_OTHER, ReportAnalysis
from tests.support.exactness import require_exact
from tests.support.model_endpoint import ModelEndpoint, review
from tests.support.stack import Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

TEXT = "quick and without any delay"
KEY = "sk-very-secret-42"


def settings(endpoint: ModelEndpoint) -> dict[str, str]:
    return {
        "FNA_REPORTS_MODEL_URL": endpoint.url,
        "FNA_REPORTS_MODEL_NAME": "stub",
        "FNA_REPORTS_MODEL_API_KEY": KEY,
    }


def analysis_of(stack: Stack, batch: Batch) -> ReportAnalysis:
    with stack.client() as client:
        return client.get_analysis(batch.results[0].report_id)


def test_a_report_is_reviewed_and_the_same_text_is_paid_for_once(database_url: str, tmp_path: Path) -> None:
    answer = review("All is quick.", ("It is quick.", TEXT), ("It is slow.", "slow, and late"), prompt=700, written=40)
    with ModelEndpoint(answer) as endpoint, Stack(database_url, tmp_path, **settings(endpoint)) as stack:
        stack.start_server()
        with stack.start_worker(concurrency=1) as worker:
            first = stack.finished(stack.submit(TEXT).batch_id)
        with stack.start_worker(concurrency=1):
            second = stack.finished(stack.submit(TEXT).batch_id)
        assert len(endpoint.requests) == 1
        assert endpoint.requests[0].headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in worker.output()
        analyses = [analysis_of(stack, batch) for batch in (first, second)]
        require_exact(stack, second)
    assert analyses[0].model_review == analyses[1].model_review
    reviewed = analyses[0].model_review
    assert (reviewed.model, reviewed.summary) == ("stub", "All is quick.")
    assert (reviewed.prompt_tokens, reviewed.completion_tokens) == (700, 40)
    (finding,) = reviewed.findings
    assert (finding.quote, finding.section_type) == (TEXT, SECTION_TYPE_OTHER)
    (warning,) = analyses[0].warnings
    assert warning.startswith("1 finding of the model was left out")


def test_a_model_that_is_away_fails_no_report(database_url: str, tmp_path: Path) -> None:
    with ModelEndpoint() as gone:
        pass
    with Stack(database_url, tmp_path, FNA_REPORTS_MODEL_RETRIES="0", **settings(gone)) as stack:
        stack.start_server()
        with stack.start_worker(concurrency=1):
            batch = stack.finished(stack.submit("quick").batch_id)
        assert batch.status == BATCH_STATUS_COMPLETED
        analysis = analysis_of(stack, batch)
    assert not analysis.HasField("model_review")
    assert "cannot be reached" in analysis.warnings[0]


def test_what_httpx_cannot_use_of_the_environment_fails_no_report(database_url: str, tmp_path: Path) -> None:
    broken = {"SSL_CERT_FILE": str(tmp_path / "missing"), "ALL_PROXY": "nonsense://127.0.0.1"}
    with ModelEndpoint() as endpoint, Stack(database_url, tmp_path, **settings(endpoint), **broken) as stack:
        stack.start_server()
        with stack.start_worker(concurrency=1):
            batch = stack.finished(stack.submit("quick").batch_id)
        assert batch.status == BATCH_STATUS_COMPLETED
        assert "not reviewed by the model" in analysis_of(stack, batch).warnings[0]


def test_a_cancellation_does_not_wait_for_the_model(database_url: str, tmp_path: Path) -> None:
    with ModelEndpoint(None) as endpoint, Stack(database_url, tmp_path, **settings(endpoint)) as stack:
        stack.start_server()
        with stack.start_worker(concurrency=1):
            batch = stack.submit("quick")
            eventually(lambda: endpoint.requests, 60, "the question to the model")
            with stack.client() as client:
                client.cancel(batch.batch_id)
            # The limits of a request and of a report are 30 and 45 seconds.
            assert stack.finished(batch.batch_id, 20).status == BATCH_STATUS_CANCELLED
            assert endpoint.left.wait(20)
