"""Celery's result backend: storing, waiting, forking, and what it does when connections break."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from celery import Celery
from celery.app.task import Context
from celery.exceptions import ChordError, ImproperlyConfigured
from celery.exceptions import TimeoutError as NothingInTime
from celery.result import AsyncResult, GroupResult
from psycopg2.extensions import connection as Connection  # noqa: N812 - the type, beside variables of that name

from reports_core.storage import migrations
from reports_worker.results import DatabaseUnreachable, PostgresqlBackend, statements
from tests.support import pgbouncer
from tests.support.storage import Store
from tests.support.waiting import eventually

NEVER = 3600.0
WAIT_SECONDS = 20.0
PATIENCE = 20.0

Backends = Callable[..., PostgresqlBackend]


@pytest.fixture
def backends(empty_database_url: str) -> Iterator[Backends]:
    """Give what makes backends on an empty database, each as a process of its own would have it."""
    made: list[PostgresqlBackend] = []

    def make(url: str = empty_database_url, **settings: Any) -> PostgresqlBackend:
        app = Celery(set_as_current=False)
        app.conf.update(
            broker_url="memory://",
            result_backend=f"reports_worker.results:PostgresqlBackend+{url}",
            # The threads of a test share the backend, unless it makes another.
            result_backend_thread_safe=True,
            **settings,
        )
        backend: PostgresqlBackend = app.backend
        # What is seen in time was announced.
        backend.result_consumer.poll_seconds = NEVER
        made.append(backend)
        return backend

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def store(empty_database_url: str) -> Iterator[Store]:
    """Give this test statements on the empty database."""
    with Store(empty_database_url) as store:
        yield store


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Give this test threads, all of which have ended when it is over."""
    with ThreadPoolExecutor(16) as pool:
        yield pool


def result_of(backend: PostgresqlBackend, task_id: str | None = None) -> AsyncResult:
    return AsyncResult(task_id or str(uuid4()), backend=backend, app=backend.app)


def waiters(store: Store, *, granted: bool = True) -> int:
    """Return how many sessions have announced that they wait for results, or are about to."""
    locks = """
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND locktype = 'advisory' AND mode = 'ShareLock' AND granted = :granted
    """
    return int(store.value(locks, granted=granted))


def starts_to_wait(result: AsyncResult, pool: ThreadPoolExecutor, store: Store) -> Future[Any]:
    """Wait for a result in a thread, and return as soon as that listens."""
    before = waiters(store)
    waiting = pool.submit(result.get, timeout=WAIT_SECONDS)
    eventually(lambda: waiters(store) > before, PATIENCE, "listening")
    return waiting


@contextmanager
def listening(url: str) -> Iterator[Connection]:
    """Give a connection that hears the announcements and waits for no result."""
    with closing(psycopg2.connect(url)) as conn:
        conn.autocommit = True
        conn.cursor().execute("LISTEN celery_results")
        yield conn


def heard(conn: Connection) -> list[str]:
    """Return the payloads of what was announced before this call."""
    # The answer comes after the notifications that were sent before.
    conn.cursor().execute("SELECT 1")
    payloads = [notification.payload for notification in conn.notifies]
    conn.notifies.clear()
    return payloads


def end_sessions(store: Store) -> int:
    """Terminate the backend's connections, and return how many those were."""
    return int(
        store.value(
            """
            SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
            WHERE application_name = 'celery-results' AND datname = current_database()
            """
        )
    )


# --- Storing


def test_a_result_is_json_text(backends: Backends, store: Store) -> None:
    backend = backends()
    backend.store_result("an-id", {"words": ["a", "b"], "share": 0.5}, "SUCCESS")
    ((status, result),) = store.rows("SELECT status, result FROM celery_taskmeta WHERE task_id = 'an-id'")
    assert (status, json.loads(result)) == ("SUCCESS", {"words": ["a", "b"], "share": 0.5})
    assert result_of(backend, "an-id").get(timeout=WAIT_SECONDS) == {"words": ["a", "b"], "share": 0.5}


def test_results_are_json_or_nothing(backends: Backends) -> None:
    with pytest.raises(ImproperlyConfigured, match="result_serializer cannot be 'pickle'"):
        backends(result_serializer="pickle")


def test_a_backend_needs_a_database() -> None:
    with pytest.raises(ImproperlyConfigured, match="names no database"):
        PostgresqlBackend(app=Celery(set_as_current=False))


def test_a_success_stays_and_anything_else_is_replaced(backends: Backends) -> None:
    backend = backends()
    result = result_of(backend)
    for state in ("STARTED", "RETRY", "FAILURE", "SUCCESS"):
        backend.store_result(result.id, ValueError(state) if state in {"RETRY", "FAILURE"} else state, state)
        assert backend.get_task_meta(result.id, cache=False)["status"] == state
    backend.store_result(result.id, ValueError("a second run"), "FAILURE")
    assert (result.status, result.result) == ("SUCCESS", "SUCCESS")


def test_a_failure_keeps_a_traceback_of_any_characters(backends: Backends) -> None:
    backend = backends()
    result = result_of(backend)
    backend.store_result(result.id, ValueError("\0"), "FAILURE", traceback="a \0 and a \ud800")
    assert result.traceback == r"a \x00 and a \ud800"
    with pytest.raises(ValueError, match="\0"):
        result.get(timeout=WAIT_SECONDS)


def test_a_forgotten_result_is_gone(backends: Backends) -> None:
    backend = backends()
    result = result_of(backend)
    backend.store_result(result.id, "there", "SUCCESS")
    assert backend.task_result_exists(result.id)
    result.forget()
    assert (result.status, backend.task_result_exists(result.id)) == ("PENDING", False)


def test_extended_results_show_how_the_task_was_called(backends: Backends, store: Store) -> None:
    backend = backends(result_extended=True)
    request = Context(
        task="sum",
        args=[1, 2],
        kwargs={"start": 3},
        hostname="worker@here",
        retries=1,
        delivery_info={"routing_key": "default"},
        stamped_headers=["tenant"],
        stamps={"tenant": ["acme"]},
    )
    backend.store_result("an-id", 6, "SUCCESS", request=request)
    columns = "name, args, kwargs, worker, retries, queue"
    assert store.rows(f"SELECT {columns} FROM celery_taskmeta") == [  # noqa: S608 - names of columns
        ("sum", "[1, 2]", '{"start": 3}', "worker@here", 1, "default")
    ]
    result = result_of(backend, "an-id")
    assert (result.name, result.args, result.kwargs, result.queue) == ("sum", [1, 2], {"start": 3}, "default")
    assert backend.get_task_meta("an-id")["tenant"] == ["acme"]


# --- Tables


def test_eight_that_meet_an_empty_database_at_once_all_store(backends: Backends, pool: ThreadPoolExecutor) -> None:
    barrier = threading.Barrier(8, timeout=PATIENCE)

    def begin(number: int) -> None:
        backend = backends(result_extended=number % 2 == 0)
        barrier.wait()
        backend.store_result(str(number), number, "SUCCESS")

    list(pool.map(begin, range(8)))
    reader = backends()
    assert [result_of(reader, str(number)).get(timeout=WAIT_SECONDS) for number in range(8)] == list(range(8))


def test_the_application_s_migrations_follow_on_the_backend_s_tables(
    backends: Backends, empty_database_url: str
) -> None:
    backend = backends()
    backend.store_result("an-id", 1, "SUCCESS")
    migrations.upgrade(empty_database_url)
    assert result_of(backend, "an-id").get(timeout=WAIT_SECONDS) == 1


def test_the_backend_works_on_the_tables_of_the_application(backends: Backends, database_url: str) -> None:
    backend = backends(url=database_url, result_extended=True)
    backend.set_chord_size("a-group", 2)
    backend.store_result("an-id", 1, "SUCCESS")
    assert result_of(backend, "an-id").get(timeout=WAIT_SECONDS) == 1


FILL = """
    INSERT INTO celery_taskmeta (task_id, status, date_done) SELECT 'task-' || n, 'SUCCESS', now()
    FROM generate_series(1, 10000) n;
    INSERT INTO celery_tasksetmeta (taskset_id, date_done) SELECT 'group-' || n, now() FROM generate_series(1, 10000) n;
    INSERT INTO celery_chord (group_id, expires_at) SELECT 'group-' || n, now() + n * interval '1 second'
    FROM generate_series(1, 10000) n;
    INSERT INTO celery_chord_part (group_id, position, task_id, status) SELECT 'group-' || n, 0, 'task-' || n, 'SUCCESS'
    FROM generate_series(1, 10000) n;
    ANALYZE
"""
PARAMETERS = {
    "task_id": "task-5000",
    "task_ids": ["task-5000", "task-6000"],
    "group_id": "group-5000",
    "position": 1,
    "status": "SUCCESS",
    "result": "1",
    "size": 1,
    "expires": timedelta(hours=1),
}


def test_no_statement_reads_a_whole_table(backends: Backends, store: Store, empty_database_url: str) -> None:
    backends().store_result("an-id", 1, "SUCCESS")
    store.rows(FILL)
    hot = [
        statements.GET,
        statements.FORGET,
        statements.GET_GROUP,
        statements.DELETE_GROUP,
        statements.START_CHORD,
        statements.RETURN_PART,
        statements.CLAIM_CHORD,
        statements.GET_PARTS,
        statements.FINISH_CHORD,
        statements.EXPIRE_CHORDS,
    ]
    with closing(psycopg2.connect(empty_database_url)) as conn, conn.cursor() as cursor:
        for statement in hot:
            cursor.execute(f"EXPLAIN {statement}", PARAMETERS)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan" not in plan, f"{statement}\n{plan}"


# --- Waiting


def test_a_wait_is_woken_by_the_result(backends: Backends, store: Store, pool: ThreadPoolExecutor) -> None:
    waiter, storer = backends(), backends()
    result = result_of(waiter)
    waiting = starts_to_wait(result, pool, store)
    storer.store_result(result.id, "there", "SUCCESS")
    assert waiting.result(PATIENCE) == "there"


def test_a_result_that_comes_while_a_wait_begins_is_not_missed(
    backends: Backends, store: Store, pool: ThreadPoolExecutor, empty_database_url: str
) -> None:
    waiter, storer = backends(), backends()
    result = result_of(waiter)
    with closing(psycopg2.connect(empty_database_url)) as conn, conn.cursor() as cursor:
        # As a storer would that asks whether somebody waits, but for longer: the waiter has read, and cannot listen.
        cursor.execute("SELECT pg_advisory_xact_lock(7305311940287166)")
        waiting = pool.submit(result.get, timeout=WAIT_SECONDS)
        eventually(lambda: waiters(store, granted=False), PATIENCE, "the waiter's turn to listen")
        storer.store_result(result.id, "there", "SUCCESS")
        conn.rollback()
    assert waiting.result(PATIENCE) == "there"


def test_no_wake_up_is_lost_when_results_and_waits_race(backends: Backends, pool: ThreadPoolExecutor) -> None:
    waiter, storer = backends(), backends()
    turns = threading.Barrier(2, timeout=PATIENCE)
    results = [result_of(waiter) for _ in range(200)]

    def store_all() -> None:
        for result in results:
            turns.wait()
            storer.store_result(result.id, result.id, "SUCCESS")

    storing = pool.submit(store_all)
    for result in results:
        turns.wait()
        assert result.get(timeout=WAIT_SECONDS) == result.id
    storing.result(PATIENCE)


def test_nothing_is_announced_while_nobody_waits(
    backends: Backends, store: Store, pool: ThreadPoolExecutor, empty_database_url: str
) -> None:
    waiter, storer = backends(), backends()
    result = result_of(waiter)
    with listening(empty_database_url) as conn:
        storer.store_result("before", 1, "SUCCESS")
        assert heard(conn) == []
        waiting = starts_to_wait(result, pool, store)
        storer.store_result(result.id, 1, "SUCCESS")
        waiting.result(PATIENCE)
        assert heard(conn) == [result.id]
        eventually(lambda: waiters(store) == 0, PATIENCE, "the end of the wait")
        storer.store_result("after", 1, "SUCCESS")
        assert heard(conn) == []


def test_a_result_that_is_there_is_read_without_listening(backends: Backends, store: Store) -> None:
    backend = backends()
    backend.store_result("an-id", 1, "SUCCESS")
    result_of(backend, "an-id").get(timeout=WAIT_SECONDS)
    queries = """
        SELECT query FROM pg_stat_activity WHERE application_name = 'celery-results' AND datname = current_database()
    """
    assert ["LISTEN" in query for (query,) in store.rows(queries)] == [False]


def test_a_wait_sees_states_on_the_way(backends: Backends, store: Store, pool: ThreadPoolExecutor) -> None:
    waiter, storer = backends(), backends()
    result = result_of(waiter)
    seen: list[str] = []
    waiting = pool.submit(result.get, timeout=WAIT_SECONDS, on_message=lambda meta: seen.append(meta["status"]))
    eventually(lambda: waiters(store), PATIENCE, "listening")
    storer.store_result(result.id, {"done": 0.5}, "PROGRESS")
    eventually(lambda: seen == ["PROGRESS"], PATIENCE, "the message")
    storer.store_result(result.id, "there", "SUCCESS")
    waiting.result(PATIENCE)
    assert seen == ["PROGRESS", "SUCCESS"]


def test_a_group_is_joined_as_its_results_come(backends: Backends, store: Store, pool: ThreadPoolExecutor) -> None:
    waiter, storer = backends(), backends()
    results = [result_of(waiter) for _ in range(5)]
    group = GroupResult(str(uuid4()), results, app=waiter.app)
    storer.store_result(results[3].id, 3, "SUCCESS")
    came: list[str] = []
    joining = pool.submit(group.get, timeout=WAIT_SECONDS, callback=lambda task_id, value: came.append(task_id))
    eventually(lambda: waiters(store), PATIENCE, "listening")
    for position in (4, 0, 2, 1):
        storer.store_result(results[position].id, position, "SUCCESS")
        eventually(lambda: came[-1:] == [results[position].id], PATIENCE, "the next result")  # noqa: B023 - called here
    joining.result(PATIENCE)
    assert came == [results[position].id for position in (3, 4, 0, 2, 1)]


def test_a_wait_ends_in_time_when_nothing_comes(backends: Backends) -> None:
    with pytest.raises(NothingInTime):
        result_of(backends()).get(timeout=0.2)


def test_threads_that_share_a_backend_all_get_their_results(
    backends: Backends, store: Store, pool: ThreadPoolExecutor
) -> None:
    waiter, storer = backends(), backends()
    results = [result_of(waiter) for _ in range(8)]
    waiting = [pool.submit(result.get, timeout=WAIT_SECONDS) for result in results]
    eventually(lambda: waiters(store), PATIENCE, "listening")
    for result in results:
        storer.store_result(result.id, result.id, "SUCCESS")
    assert [future.result(PATIENCE) for future in waiting] == [result.id for result in results]
    eventually(lambda: waiters(store) == 0, PATIENCE, "the end of the waits")


def test_what_nobody_announces_is_found_by_the_poll(backends: Backends, store: Store, pool: ThreadPoolExecutor) -> None:
    waiter = backends()
    waiter.result_consumer.poll_seconds = 0.1
    result = result_of(waiter)
    waiting = starts_to_wait(result, pool, store)
    store.rows("INSERT INTO celery_taskmeta (task_id, status, result) VALUES (:id, 'SUCCESS', '7')", id=result.id)
    assert waiting.result(PATIENCE) == 7


# --- Broken connections


def test_a_broken_connection_is_replaced(backends: Backends, store: Store) -> None:
    backend = backends()
    backend.store_result("before", 1, "SUCCESS")
    assert end_sessions(store) == 1
    backend.store_result("after", 2, "SUCCESS")
    assert result_of(backend, "after").get(timeout=WAIT_SECONDS) == 2


def test_a_wait_outlives_its_connections(backends: Backends, store: Store, pool: ThreadPoolExecutor) -> None:
    waiter, storer = backends(), backends()
    result = result_of(waiter)
    waiting = starts_to_wait(result, pool, store)
    assert end_sessions(store) >= 1
    storer.store_result(result.id, "there", "SUCCESS")
    assert waiting.result(PATIENCE) == "there"


def test_a_database_that_stays_away_is_an_error(backends: Backends, caplog: pytest.LogCaptureFixture) -> None:
    policy = {"max_retries": 2, "interval_step": 0, "interval_max": 0}
    backend = backends(
        url="postgresql://nobody@127.0.0.1:1/nothing", result_backend_transport_options={"retry_policy": policy}
    )
    with pytest.raises(DatabaseUnreachable, match="Connection refused"):
        backend.store_result("an-id", 1, "SUCCESS")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


def test_an_error_that_is_not_the_connection_s_is_raised_at_once(backends: Backends, store: Store) -> None:
    backend = backends()
    with pytest.raises(psycopg2.errors.StringDataRightTruncation):
        backend.store_result("an-id", 1, "A" * 51)
    backend.store_result("an-id", 1, "SUCCESS")
    assert result_of(backend, "an-id").get(timeout=WAIT_SECONDS) == 1


FORK = """
import os, signal, sys
from celery import Celery
from reports_worker.results import DatabaseUnreachable, PostgresqlBackend, statements

def sockets():
    paths = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return {os.readlink(path) for path in paths if os.path.exists(path) and os.readlink(path).startswith("socket:")}

app = Celery(set_as_current=False)
backend = PostgresqlBackend(app=app, url=sys.argv[1])
backend.store_result("parent", "before", "STARTED")
inherited = sockets()
child = os.fork()
if child == 0:
    kept = sockets()
    backend.store_result("child", {"inherited": len(inherited), "kept": len(kept)}, "SUCCESS")
    backend.close()
    sys.exit()
os.waitpid(child, 0)
backend.store_result("parent", "after", "SUCCESS")
print(os.getpid())
"""


def test_a_forked_child_leaves_its_parent_s_connection_alone(
    backends: Backends, store: Store, empty_database_url: str
) -> None:
    reader = backends()
    reader.store_result("tables", "are made", "SUCCESS")
    store.rows("CREATE TABLE sessions (task_id text, pid int)")
    store.rows(
        """
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO sessions VALUES (new.task_id, pg_backend_pid()); RETURN NULL; END$$
        """
    )
    store.rows("CREATE TRIGGER note AFTER INSERT OR UPDATE ON celery_taskmeta FOR EACH ROW EXECUTE FUNCTION note()")
    command = [sys.executable, "-c", FORK, empty_database_url]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert result_of(reader, "child").get(timeout=WAIT_SECONDS) == {"inherited": 1, "kept": 0}
    sessions = dict(store.rows("SELECT task_id, count(DISTINCT pid) FROM sessions GROUP BY task_id"))
    assert sessions == {"parent": 1, "child": 1}, "the parent's session went on"
    assert store.value("SELECT count(DISTINCT pid) FROM sessions") == 2


# --- PgBouncer


@pytest.fixture
def pooled_url(empty_database_url: str) -> Iterator[str]:
    """Give the test's database through PgBouncer in transaction mode."""
    if not pgbouncer.is_available():
        pytest.skip("PgBouncer is not installed")
    with pgbouncer.pooled(empty_database_url) as url:
        yield url


def test_a_result_stored_through_a_pooler_wakes_whoever_waits(
    backends: Backends, store: Store, pool: ThreadPoolExecutor, pooled_url: str
) -> None:
    waiter, storer = backends(), backends(url=pooled_url)
    result = result_of(waiter)
    waiting = starts_to_wait(result, pool, store)
    storer.store_result(result.id, "there", "SUCCESS")
    assert waiting.result(PATIENCE) == "there"


def test_a_wait_through_a_pooler_polls_and_holds_nothing(
    backends: Backends, store: Store, pool: ThreadPoolExecutor, pooled_url: str
) -> None:
    waiter, storer = backends(url=pooled_url), backends()
    results = [result_of(waiter) for _ in range(5)]
    polled = threading.Event()
    waiting = [pool.submit(result.get, timeout=WAIT_SECONDS, on_interval=polled.set) for result in results]
    assert polled.wait(PATIENCE)
    assert waiters(store) == 0
    for result in results:
        storer.store_result(result.id, result.id, "SUCCESS")
    assert [future.result(PATIENCE) for future in waiting] == [result.id for result in results]


def test_a_chord_completes_through_a_pooler(backends: Backends, pooled_url: str) -> None:
    backend = backends(url=pooled_url)
    body = backend.app.signature("body", task_id=str(uuid4()))
    parts = [result_of(backend) for _ in range(3)]
    backend.apply_chord(("a-group", parts), body)
    backend.set_chord_size("a-group", len(parts))
    for position, part in enumerate(parts):
        request = Context(id=part.id, group="a-group", group_index=position, chord=dict(body))
        backend.mark_as_failure(part.id, ValueError(position), request=request)
    with pytest.raises(ChordError, match=r"raised ValueError\(0\)"):
        result_of(backend, body.id).get(timeout=WAIT_SECONDS)


# --- Expiry


def test_cleanup_deletes_what_has_expired(backends: Backends, store: Store) -> None:
    backend = backends(result_expires=timedelta(hours=1))
    for task_id in ("old", "fresh"):
        backend.store_result(task_id, 1, "SUCCESS")
    backend.store_result("running", 1, "STARTED")
    backend.save_group("group", GroupResult("group", [], app=backend.app))
    store.rows("UPDATE celery_taskmeta SET date_done = date_done - interval '2 hours' WHERE task_id <> 'fresh'")
    backend.cleanup()
    assert {task_id for (task_id,) in store.rows("SELECT task_id FROM celery_taskmeta")} == {"fresh", "running"}
    assert backend.restore_group("group") == GroupResult("group", [], app=backend.app)


def test_a_group_is_saved_and_restored(backends: Backends) -> None:
    backend, other = backends(), backends()
    group = GroupResult(str(uuid4()), [result_of(backend) for _ in range(3)], app=backend.app)
    group.save(backend=backend)
    assert GroupResult.restore(group.id, backend=other, app=other.app) == group
    group.delete(backend=backend)
    assert GroupResult.restore(group.id, backend=backends(), app=other.app) is None
