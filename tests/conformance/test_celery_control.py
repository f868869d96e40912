"""Remote control of workers: what they tell, and what they do when told."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import TaskRevokedError

from tests.conformance.brokers import MEMORY, POSTGRESQL
from tests.conformance.deployment import Deployment, outcome
from tests.support.waiting import eventually

pytestmark = pytest.mark.without(MEMORY, reason="its queues live in one process")


def test_a_worker_answers_a_ping(deployment: Deployment) -> None:
    assert deployment.inspect().ping() == {deployment.worker: {"ok": "pong"}}


def test_a_ping_that_waits_for_all_workers_ends_in_time(deployment: Deployment) -> None:
    began = time.monotonic()
    assert deployment.app.control.ping(timeout=0.5) == [{deployment.worker: {"ok": "pong"}}]
    assert 0.4 < time.monotonic() - began < 2


def test_a_message_for_another_worker_is_not_answered(deployment: Deployment) -> None:
    assert deployment.app.control.ping(destination=[f"not.{deployment.worker}"], timeout=0.5) == []


def test_a_worker_answers_while_all_its_processes_are_busy(deployment: Deployment) -> None:
    with deployment.held() as held:
        active = _answer(deployment.inspect().active)
        assert {task["id"] for task in active} == {one.result.id for one in held}
        assert {task["name"] for task in active} == {"hold"}


def test_a_worker_tells_what_it_can_run(deployment: Deployment) -> None:
    assert {"add", "hold", "total"} <= set(_answer(deployment.inspect().registered))


def test_a_worker_tells_about_itself(deployment: Deployment) -> None:
    before = _answer(deployment.inspect().stats)["total"].get("add", 0)
    deployment.run("add", 1, 1)
    stats = _answer(deployment.inspect().stats)
    assert stats["total"]["add"] == before + 1
    assert len(stats["pool"]["processes"]) == 2
    assert stats["prefetch_count"] == 2 * deployment.app.conf.worker_prefetch_multiplier
    assert stats["broker"]["transport"]


def test_a_worker_tells_its_queues(deployment: Deployment) -> None:
    assert [queue["name"] for queue in _answer(deployment.inspect().active_queues)] == [deployment.name]


def test_a_worker_finds_a_task(deployment: Deployment) -> None:
    with deployment.held() as held:
        task_id = held[0].result.id
        state, description = _answer(lambda: deployment.inspect().query_task(task_id))[task_id]
        assert (state, description["name"]) == ("active", "hold")


@pytest.mark.without(POSTGRESQL, reason="it keeps the task in the queue until then")
def test_a_worker_tells_what_it_keeps_until_its_time(deployment: Deployment) -> None:
    result = deployment.send("started_at", countdown=1)
    scheduled = eventually(lambda: _answer(deployment.inspect().scheduled), 5, "the delivery")
    assert [task["request"]["id"] for task in scheduled] == [result.id]
    outcome(result)


def test_a_worker_can_be_given_a_queue_and_relieved_of_it(deployment: Deployment, name: str) -> None:
    control = deployment.app.control
    _tell(control.add_consumer, name)
    assert deployment.run("add", 1, 2, queue=name) == 3
    _tell(control.cancel_consumer, name)
    assert name not in {queue["name"] for queue in _answer(deployment.inspect().active_queues)}
    waiting = deployment.send("add", 3, 4, queue=name)
    assert deployment.run("add", 1, 1) == 2
    assert not waiting.ready()
    _tell(control.add_consumer, name)
    assert outcome(waiting) == 7
    _tell(control.cancel_consumer, name)


def test_a_rate_limit_spreads_tasks_over_time(deployment: Deployment) -> None:
    control = deployment.app.control
    _tell(control.rate_limit, "echo", "10/s")
    try:
        began = time.monotonic()
        results = [deployment.send("echo", number) for number in range(8)]
        # Others are not held up.
        assert deployment.run("add", 1, 1) == 2
        assert [outcome(result) for result in results] == list(range(8))
        assert 0.5 < time.monotonic() - began < 5
    finally:
        _tell(control.rate_limit, "echo", 0)


# Once is enough: Celery takes its time, five seconds, over a new process.
@pytest.mark.parametrize("manner", ["late"], indirect=True, scope="session")
def test_a_pool_grows_and_shrinks(deployment: Deployment) -> None:
    control = deployment.app.control
    _tell(control.pool_grow, 1)
    try:
        with deployment.held(3):
            assert len(_answer(deployment.inspect().active)) == 3
    finally:
        _tell(control.pool_shrink, 1)
    assert _answer(deployment.inspect().stats)["pool"]["max-concurrency"] == 2


def test_a_running_task_is_terminated(deployment: Deployment) -> None:
    with deployment.held() as held:
        _tell(deployment.app.control.revoke, held[0].result.id, terminate=True, signal="SIGKILL")
        with pytest.raises(TaskRevokedError, match="terminated"):
            outcome(held[0].result)
        assert not held[1].result.ready()
    # The pool is complete again.
    with deployment.held():
        assert len(_answer(deployment.inspect().active)) == 2


def test_a_task_that_is_revoked_before_it_starts_does_not_run(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "ran"
    with deployment.held():
        revoked = deployment.send("write", str(path), "revoked")
        _tell(deployment.app.control.revoke, revoked.id)
        assert revoked.id in _answer(deployment.inspect().revoked)
    with pytest.raises(TaskRevokedError, match="revoked"):
        outcome(revoked)
    assert not path.exists()


def _answer(ask: Callable[[], Any]) -> Any:
    """Return the answer of the one worker."""
    (answer,) = ask().values()
    return answer


def _tell(command: Callable[..., Any], *arguments: object, **options: object) -> None:
    """Tell the worker, and wait until it has done it."""
    (reply,) = command(*arguments, reply=True, limit=1, timeout=10, **options)
    (answer,) = reply.values()
    assert "ok" in answer, answer
