"""Chords of the result backend: the body is called once, with every result, whatever happens to the parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from queue import Empty
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery, signals
from celery.app.task import Context
from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult

from tests.support.storage import Store

PATIENCE = 20.0


class Killed(BaseException):
    """What ends a worker in the middle of something; nothing but the worker's own end follows."""


@pytest.fixture
def store(empty_database_url: str) -> Iterator[Store]:
    """Give this test statements on the empty database."""
    with Store(empty_database_url) as store:
        yield store


@pytest.fixture
def app(empty_database_url: str) -> Iterator[Celery]:
    """Give an application whose results are in an empty database, and whose messages are kept in this process."""
    app = Celery(set_as_current=False)
    app.conf.update(
        broker_url="memory://",
        result_backend=f"reports_worker.results:PostgresqlBackend+{empty_database_url}",
        result_backend_thread_safe=True,
        # The queues of kombu's memory outlive their connections.
        task_default_queue=str(uuid4()),
    )
    yield app
    app.backend.close()


class Chord:
    """A chord whose header's tasks were sent; the test runs them."""

    def __init__(self, app: Celery, size: int, group_id: str | None = None) -> None:
        self.app = app
        self.group_id = group_id or str(uuid4())
        self.body = app.signature("body", task_id=str(uuid4()))
        self.parts = [AsyncResult(str(uuid4()), app=app) for _ in range(size)]
        self.send(self.parts)

    def send(self, header: list[Any]) -> None:
        self.app.backend.apply_chord((self.group_id, header), self.body)
        self.app.backend.set_chord_size(self.group_id, len(self.parts))

    def returns(self, position: int, result: object = None) -> None:
        """Do what a worker does when the task at this position has ended: with its position, or with an error."""
        request = Context(id=self.parts[position].id, group=self.group_id, group_index=position, chord=dict(self.body))
        if isinstance(result, Exception):
            self.app.backend.mark_as_failure(request.id, result, request=request)
        else:
            self.app.backend.mark_as_done(request.id, position if result is None else result, request=request)

    def calls(self) -> list[Any]:
        """Return the arguments of the body's messages since this was last asked."""
        calls: list[Any] = []
        with self.app.connection() as connection, connection.SimpleQueue(self.app.conf.task_default_queue) as queue:
            while True:
                try:
                    message = queue.get_nowait()
                except Empty:
                    return calls
                message.ack()
                assert message.headers["id"] == self.body.id
                args, *_ = message.payload
                calls.extend(args)


@contextmanager
def when_the_body_is_called(do: Callable[[], object]) -> Iterator[None]:
    """Do this in the process that calls the body, when its message is about to be sent."""

    def called(**_: Any) -> None:
        do()

    signals.before_task_publish.connect(called, sender="body", weak=False)
    try:
        yield
    finally:
        signals.before_task_publish.disconnect(called, sender="body")


def test_the_body_gets_the_results_in_the_order_of_the_header(app: Celery) -> None:
    chord = Chord(app, 4)
    for position in (2, 0, 3):
        chord.returns(position)
        assert chord.calls() == []
    chord.returns(1)
    assert chord.calls() == [[0, 1, 2, 3]]


def test_the_body_gets_results_in_the_shape_of_the_header(app: Celery) -> None:
    chord = Chord(app, 3)
    inner = GroupResult(str(uuid4()), chord.parts[:2], app=app)
    chord.send([inner, chord.parts[2]])
    for position in range(3):
        chord.returns(position)
    assert chord.calls() == [[[0, 1], 2]]


def test_a_part_that_runs_again_counts_once(app: Celery) -> None:
    chord = Chord(app, 2)
    chord.returns(0, "first")
    chord.returns(0, "second")
    assert chord.calls() == []
    chord.returns(1, "last")
    assert chord.calls() == [["first", "last"]]


def test_a_part_that_runs_again_after_the_end_does_nothing(app: Celery) -> None:
    chord = Chord(app, 2)
    chord.returns(0)
    chord.returns(1)
    assert chord.calls() == [[0, 1]]
    chord.returns(1)
    chord.returns(0)
    assert chord.calls() == []


def test_a_chord_can_be_sent_again(app: Celery) -> None:
    chord = Chord(app, 2)
    for _ in range(2):
        chord.returns(0)
        chord.returns(1)
        assert chord.calls() == [[0, 1]]
        chord.send(chord.parts)


def test_a_part_that_is_added_while_the_chord_runs_is_awaited(app: Celery) -> None:
    chord = Chord(app, 2)
    app.backend.add_to_chord(chord.group_id, None)
    chord.parts.append(AsyncResult(str(uuid4()), app=app))
    for position in range(2):
        chord.returns(position)
    assert chord.calls() == []
    chord.returns(2)
    assert chord.calls() == [[0, 1, 2]]


def test_a_part_that_fails_fails_the_chord_when_all_have_returned(app: Celery) -> None:
    chord = Chord(app, 2)
    chord.returns(0, ValueError("broken"))
    body = AsyncResult(chord.body.id, app=app)
    assert body.status == "PENDING"
    chord.returns(1)
    assert chord.calls() == []
    with pytest.raises(ChordError, match=rf"Dependency {chord.parts[0].id} raised ValueError\('broken'\)"):
        body.get(timeout=PATIENCE)


def test_the_last_parts_that_return_at_once_call_the_body_once(app: Celery) -> None:
    barrier = threading.Barrier(12, timeout=PATIENCE)

    def end(chord: Chord, position: int) -> None:
        barrier.wait()
        chord.returns(position)

    with ThreadPoolExecutor(12) as pool:
        for _ in range(10):
            chord = Chord(app, 6)
            # Each task runs twice, at the same time.
            list(pool.map(partial(end, chord), [*range(6), *range(6)]))
            assert chord.calls() == [[0, 1, 2, 3, 4, 5]]


def test_a_part_that_runs_again_calls_the_body_if_the_first_run_died_before_it_could(app: Celery) -> None:
    chord = Chord(app, 2)
    chord.returns(0)

    def die() -> None:
        raise Killed

    with when_the_body_is_called(die), pytest.raises(Killed):
        chord.returns(1)
    assert chord.calls() == []
    chord.returns(1)
    assert chord.calls() == [[0, 1]]


def test_a_connection_that_breaks_while_the_body_is_called_does_not_call_it_twice(app: Celery, store: Store) -> None:
    chord = Chord(app, 2)
    chord.returns(0)
    end_sessions = """
        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE application_name = 'celery-results' AND datname = current_database()
    """
    with when_the_body_is_called(lambda: store.rows(end_sessions)):
        chord.returns(1)
    chord.returns(1)
    assert chord.calls() == [[0, 1]]


def test_a_body_that_cannot_be_sent_fails_the_chord(app: Celery) -> None:
    chord = Chord(app, 1)
    chord.body.set(serializer="unheard-of")
    chord.returns(0)
    with pytest.raises(ChordError, match=r"Callback error: .*unheard-of"):
        AsyncResult(chord.body.id, app=app).get(timeout=PATIENCE)


def test_incomplete_chords_expire(app: Celery, store: Store) -> None:
    app.conf.result_chord_expires = timedelta(hours=1)
    for _ in range(3):
        Chord(app, 2).returns(0)
    store.rows("UPDATE celery_chord SET expires_at = expires_at - interval '2 hours'")
    fresh = Chord(app, 2)
    assert store.rows("SELECT group_id FROM celery_chord") == [(fresh.group_id,)], (
        "a new chord takes the old ones along"
    )
    assert store.count("celery_chord_part") == 0
    fresh.returns(0)
    store.rows("UPDATE celery_chord SET expires_at = expires_at - interval '2 hours'")
    app.backend.cleanup()
    assert (store.count("celery_chord"), store.count("celery_chord_part")) == (0, 0)


def test_a_finished_chord_leaves_no_results_behind(app: Celery, store: Store) -> None:
    chord = Chord(app, 2)
    chord.returns(0)
    chord.returns(1)
    assert store.count("celery_chord_part") == 0
    assert store.value("SELECT expires_at < now() + interval '1 hour' FROM celery_chord")
