"""The reporter: throttled, off the path of the attempt, and how it hears that it should stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from reports_core.settings import load
from reports_core.storage.attempts import Attempt
from reports_core.storage.engine import sync_engine
from reports_core.storage.local_documents import LocalDocuments
from reports_worker.analyser import Analyser
from reports_worker.processing import Stopped
from reports_worker.progress import ProgressReporter
from reports_worker.runtime import Runtime
from reports_worker.settings import WorkerSettings
from tests.support.storage import Store
from tests.support.waiting import eventually


@pytest.fixture
def run(store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Give the runtime of a worker on the database of the test."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    settings = load(WorkerSettings)
    return Runtime(settings, store.engine, store.queue, LocalDocuments(tmp_path), Analyser(settings.limits), None)


@pytest.fixture
def sent(store: Store) -> Iterator[list[float]]:
    """Give the fractions that reach the database."""
    fractions: list[float] = []

    def record(_conn: object, _cursor: object, statement: str, parameters: dict[str, float], *_: object) -> None:
        if "SET step" in statement:
            fractions.append(parameters["fraction"])

    event.listen(store.engine, "before_cursor_execute", record)
    yield fractions
    event.remove(store.engine, "before_cursor_execute", record)


def begun(store: Store) -> Attempt:
    return store.start(store.submit(1))


def test_a_report_that_takes_no_time_costs_nothing(store: Store, run: Runtime, sent: list[float]) -> None:
    with ProgressReporter(run, begun(store)) as reporter:
        for fraction in (0.0, 0.5, 1.0):
            reporter.on_step("SCORING", fraction)
    assert sent == []


def test_of_many_steps_the_newest_is_sent_a_few_times_a_second(store: Store, run: Runtime, sent: list[float]) -> None:
    began = time.monotonic()
    with ProgressReporter(run, begun(store)) as reporter:
        steps = 0

        def three_are_sent() -> bool:
            nonlocal steps
            steps += 1
            reporter.on_step("SCORING", steps / 1000)
            return len(sent) >= 3

        eventually(three_are_sent, 20, "the third step that is sent")
    assert len(sent) <= (time.monotonic() - began) / 0.25
    assert sent == sorted(sent)
    assert steps > len(sent)


def test_an_attempt_without_steps_hears_within_about_a_second_that_its_batch_is_cancelled(
    store: Store, run: Runtime
) -> None:
    batch = store.submit(1)
    with ProgressReporter(run, store.start(batch)) as reporter:
        store.cancel(batch)

        def stopped() -> bool:
            try:
                reporter.on_step("SCORING", 0.5)
            except Stopped:
                return True
            return False

        # Two seconds are the grace of the worker, which ends the attempt after it.
        eventually(stopped, 2, "the stop")


def test_a_database_that_is_away_holds_nothing_up_and_is_complained_of_once(
    store: Store, run: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = begun(store)
    nowhere = sync_engine("postgresql://nobody@127.0.0.1:1/none", pool_size=1, application_name="tests")
    away = replace(run, engine=nowhere)
    with ProgressReporter(away, attempt) as reporter:
        reporter.on_step("SCORING", 0.5)
        eventually(lambda: caplog.messages, 10, "the complaint")
        reporter.on_step("SCORING", 0.6)
    assert len(caplog.messages) == 1
    assert "is lost for now" in caplog.text
    store.finish(attempt)


def test_a_database_that_does_not_answer_does_not_hold_up_the_end(store: Store, run: Runtime) -> None:
    attempt = begun(store)
    with store.engine.connect() as other, other.begin():
        other.exec_driver_sql("SELECT 1 FROM batch_items FOR UPDATE")
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        with ProgressReporter(run, attempt) as reporter:
            reporter.on_step("SCORING", 0.5)
            eventually(lambda: store.rows(waits), 10, "the wait for the item")
            began = time.monotonic()
        assert time.monotonic() - began < 5
