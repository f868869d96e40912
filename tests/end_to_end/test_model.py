"""A worker that has reports reviewed by a language model, and one whose model is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from fna.reports.v1.batch_pb2 import BATCH_STATUS_COMPLETED, Batch
from fna.reports.v1.report_pb2 import SECTION_TYPE_OTHER, ReportAnalysis
from tests.support.exactness import require_exact
from tests.support.model_server import ModelServer, completion
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(180)


def analysis_of(stack: Stack, batch: Batch) -> ReportAnalysis:
    with stack.client() as client:
        return client.get_analysis(batch.results[0].report_id)


def test_a_report_is_reviewed_and_the_same_text_is_paid_for_once(database_url: str, tmp_path: Path) -> None:
    answer = completion(
        "All is quick.",
        ("It is quick.", "quick and without any delay"),
        ("It is slow.", "slow, and late on top of it"),
        usage={"prompt_tokens": 700, "completion_tokens": 40},
    )
    with (
        ModelServer(answer) as model,
        Stack(database_url, tmp_path, FNA_REPORTS_MODEL_URL=model.url, FNA_REPORTS_MODEL_NAME="stub") as stack,
    ):
        stack.start_server()
        with stack.start_worker(concurrency=1):
            first = stack.finished(stack.submit("quick and without any delay").batch_id)
        with stack.start_worker(concurrency=1):
            second = stack.finished(stack.submit("quick and without any delay").batch_id)
        reviews = [analysis_of(stack, batch).model_review for batch in (first, second)]
        assert len(model.asked) == 1
        assert reviews[0] == reviews[1]
        assert (reviews[0].model, reviews[0].summary) == ("stub", "All is quick.")
        (finding,) = reviews[0].findings
        assert (finding.quote, finding.section_type) == ("quick and without any delay", SECTION_TYPE_OTHER)
        assert (reviews[0].prompt_tokens, reviews[0].completion_tokens) == (700, 40)
        assert "1 findings of the model were left out" in analysis_of(stack, first).warnings[0]
        require_exact(stack, second)


def test_a_model_that_is_away_fails_no_report(database_url: str, tmp_path: Path) -> None:
    with ModelServer(completion()) as model:
        pass
    settings = {"FNA_REPORTS_MODEL_URL": model.url, "FNA_REPORTS_MODEL_NAME": "stub", "FNA_REPORTS_MODEL_RETRIES": "0"}
    with Stack(database_url, tmp_path, **settings) as stack:
        stack.start_server()
        with stack.start_worker(concurrency=1):
            batch = stack.finished(stack.submit("quick").batch_id)
        assert batch.status == BATCH_STATUS_COMPLETED
        analysis = analysis_of(stack, batch)
    assert not analysis.HasField("model_review")
    assert "cannot be reached" in analysis.warnings[0]
