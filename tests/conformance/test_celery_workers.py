"""Workers of each pool from their start to their end."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import chain, group

from tests.conformance.brokers import MEMORY, Broker
from tests.conformance.deployment import LATE, Deployment, outcome
from tests.support.waiting import eventually

pytestmark = pytest.mark.without(MEMORY, reason="its queues live in one process")


@pytest.mark.parametrize(
    "pool", [["--pool=solo"], ["--pool=threads", "--concurrency=2"]], ids=["solo pool", "pool of threads"]
)
def test_a_worker_serves_tasks_replies_and_control_until_it_is_shut_down(
    broker: Broker, tmp_path: Path, pool: list[str]
) -> None:
    with Deployment(broker, "rpc://", tmp_path, **LATE) as deployment:
        worker = deployment.start_worker(*pool)
        s = deployment.signature
        assert deployment.run("add", 1, 2) == 3
        assert outcome(group(s("add", number, 1) for number in range(10)).apply_async()) == list(range(1, 11))
        assert outcome(chain(s("add", 1, 2), s("add", 3)).apply_async()) == 6
        assert deployment.run("succeed_at_retry", 2, 0.1) == 2
        assert deployment.inspect().ping() == {deployment.worker: {"ok": "pong"}}
        deployment.app.control.shutdown()
        worker.ended_well()


def test_a_worker_serves_what_was_published_before_it_started(
    broker: Broker, result_backend: str, tmp_path: Path
) -> None:
    with Deployment(broker, result_backend, tmp_path) as deployment:
        results = [deployment.send("add", number, 1) for number in range(10)]
        deployment.start_worker("--concurrency=1", "--without-mingle")
        assert [outcome(result) for result in results] == list(range(1, 11))


def test_a_worker_that_ends_gives_back_what_it_has_not_started(
    broker: Broker, result_backend: str, tmp_path: Path
) -> None:
    path = tmp_path / "ran"
    with Deployment(broker, result_backend, tmp_path) as deployment:
        worker = deployment.start_worker("--concurrency=1", "--without-mingle")
        with deployment.held(1) as (held,):
            results = [deployment.send("write", str(path), str(number)) for number in range(10)]
            eventually(lambda: _reserved(deployment) >= 3, 10, "the reservations")
            worker.terminate()
            eventually(lambda: "Warm shutdown" in worker.output(), 10, "the end's begin")
            held.release()
            worker.ended_well()
        deployment.start_worker("--concurrency=1", "--without-mingle")
        for result in results:
            outcome(result)
    assert sorted(path.read_text().split()) == [str(number) for number in range(10)]


def test_two_workers_share_a_queue(broker: Broker, result_backend: str, tmp_path: Path) -> None:
    with Deployment(broker, result_backend, tmp_path, **LATE) as deployment:
        deployment.start_worker("--concurrency=1", "--without-mingle")
        deployment.start_worker("--concurrency=1", "--without-mingle")
        with deployment.held(2):
            active = deployment.app.control.inspect(timeout=10, limit=2).active()
            assert [len(tasks) for tasks in active.values()] == [1, 1]


def _reserved(deployment: Deployment) -> int:
    (tasks,) = deployment.inspect().reserved().values()
    return len(tasks)
