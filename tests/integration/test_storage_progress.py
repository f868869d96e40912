"""Progress inside a report: beside the item and on the servers' channel, and of no weight."""

from __future__ import annotations

import json
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from sqlalchemy import text

from reports_core.storage import changes, progress
from reports_core.storage.events import PROGRESS_CHANNEL
from tests.support.storage import LAPSED, SUCCESS, Store
from tests.support.waiting import eventually


def test_a_step_is_shown_while_the_attempt_runs_and_gone_with_it(store: Store) -> None:
    batch = store.submit(1)
    attempt = store.start(batch)
    assert store.do(progress.record, attempt, "TEXT_EXTRACTION", 0.25)
    assert (store.item(batch).step, store.item(batch).progress) == ("TEXT_EXTRACTION", 0.25)
    item = store.finish(attempt, SUCCESS).item
    assert (item.step, item.progress) == (None, None)


def test_a_step_is_told_to_the_servers_and_is_no_event(store: Store, database_url: str) -> None:
    batch = store.submit(1)
    attempt = store.start(batch)
    before = store.batch(batch)
    with closing(psycopg2.connect(database_url)) as listener:
        listener.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        listener.cursor().execute(f"LISTEN {PROGRESS_CHANNEL}")
        store.do(progress.record, attempt, "SCORING", 0.33333)

        def told() -> list[psycopg2.extensions.Notify]:
            listener.poll()
            return listener.notifies

        (notification,) = eventually(told, 10, "the notification")
    assert json.loads(notification.payload) == [
        *(str(batch.batch_id), str(attempt.report_id), 0, 1),
        *("SCORING", 0.333),
    ]
    assert store.batch(batch) == before


def test_progress_does_not_wait_for_whoever_holds_the_batch(store: Store) -> None:
    batch = store.submit(1)
    attempt = store.start(batch)
    with store.engine.connect() as other, other.begin():
        changes.lock(other, batch.batch_id)
        with store.engine.begin() as conn:
            conn.execute(text("SET LOCAL lock_timeout = '1s'"))
            assert progress.record(conn, attempt, "SCORING", 0.5)
            assert progress.goes_on(conn, attempt.key)


@pytest.mark.parametrize("how", ["cancelled", "finished", "taken over"])
def test_an_attempt_hears_that_it_should_stop(store: Store, how: str) -> None:
    batch = store.submit(1)
    attempt = store.start(batch, lease=LAPSED)
    assert store.do(progress.goes_on, attempt.key)
    match how:
        case "cancelled":
            store.cancel(batch)
        case "finished":
            store.finish(attempt)
        case "taken over":
            store.start(batch)
    assert not store.do(progress.goes_on, attempt.key)
    assert not store.do(progress.record, attempt, "SCORING", 0.5)
    assert how == "cancelled" or store.item(batch).step is None
