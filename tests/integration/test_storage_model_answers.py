"""Answers of a model: kept by their request, the first one for good, and not for ever."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from reports_core.storage import model_answers
from reports_core.storage.sweep import Swept
from tests.support.storage import Store

REQUEST, OTHER = "a" * 64, "b" * 64
ANSWER = {"content": {"summary": "It grew."}, "prompt_tokens": 12}


def test_an_answer_is_found_by_its_request(store: Store) -> None:
    store.do(model_answers.put, REQUEST, ANSWER)
    assert store.do(model_answers.get, REQUEST) == ANSWER
    assert store.do(model_answers.get, OTHER) is None


def test_the_first_answer_to_a_request_counts(store: Store) -> None:
    store.do(model_answers.put, REQUEST, ANSWER)
    store.do(model_answers.put, REQUEST, {"content": None})
    assert store.do(model_answers.get, REQUEST) == ANSWER


def test_an_answer_is_kept_for_thirty_days(store: Store) -> None:
    for request, age in ((REQUEST, "31 days"), (OTHER, "29 days")):
        store.do(model_answers.put, request, ANSWER)
        store.rows(
            "UPDATE model_answers SET created_at = now() - CAST(:age AS interval) WHERE request_sha256 = :request",
            age=age,
            request=request,
        )
    store.submit(1)
    assert store.sweep() == Swept()
    assert store.do(model_answers.get, REQUEST) is None
    assert store.do(model_answers.get, OTHER) == ANSWER


def test_what_is_no_digest_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError):
        store.do(model_answers.put, "a text", ANSWER)
