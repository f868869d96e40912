"""When a task runs, in which order, and whether at all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import TaskRevokedError

from tests.conformance.brokers import MEMORY
from tests.conformance.deployment import Deployment, outcome
from tests.support.waiting import eventually

pytestmark = pytest.mark.without(MEMORY, reason="its queues live in one process")

late_only = pytest.mark.parametrize("manner", ["late"], indirect=True, scope="session")
defaults_only = pytest.mark.parametrize("manner", ["defaults"], indirect=True, scope="session")


def test_a_task_for_an_idle_worker_starts_at_once(deployment: Deployment) -> None:
    deployment.run("started_at")
    delays = []
    for _ in range(10):
        sent = time.time()
        delays.append(deployment.run("started_at") - sent)
    assert sorted(delays)[5] < 0.2


def test_a_worker_goes_on_at_once_with_what_waits(deployment: Deployment) -> None:
    results = [deployment.send("started_at") for _ in range(100)]
    started = sorted(outcome(result) for result in results)
    # One look per second, or a tenth of it, would take a hundred of them.
    assert started[-1] - started[0] < 5


@pytest.mark.parametrize("seconds", [0.5, 1.2])
def test_a_countdown_is_kept(deployment: Deployment, seconds: float) -> None:
    sent = time.time()
    started = deployment.run("started_at", countdown=seconds)
    assert seconds - 0.05 <= started - sent < seconds + 1.5


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-7))], ids=str)
def test_a_task_with_an_eta_starts_then(deployment: Deployment, zone: timezone) -> None:
    eta = datetime.now(zone) + timedelta(seconds=0.6)
    started = deployment.run("started_at", eta=eta)
    assert -0.05 <= started - eta.timestamp() < 1.5


def test_an_eta_in_the_past_is_now(deployment: Deployment) -> None:
    sent = time.time()
    assert deployment.run("started_at", eta=datetime.now(UTC) - timedelta(hours=1)) - sent < 1.5


def test_tasks_with_etas_run_in_the_order_of_their_times(deployment: Deployment) -> None:
    now = datetime.now(UTC)
    delays = (0.9, 0.3, 0.6)
    results = {delay: deployment.send("started_at", eta=now + timedelta(seconds=delay)) for delay in delays}
    started = {delay: outcome(result) for delay, result in results.items()}
    assert sorted(delays) == sorted(started, key=lambda delay: started[delay])


@defaults_only
def test_a_task_that_expires_while_it_waits_in_the_worker_is_revoked(deployment: Deployment) -> None:
    with deployment.held() as held:
        expires = datetime.now(UTC) + timedelta(seconds=1)
        expiring = deployment.send("started_at", expires=expires)
        eventually(lambda: _reserved(deployment, expiring.id), 5, "the reservation")
        eventually(lambda: datetime.now(UTC) > expires, 5, "the expiry")
        held[0].release()
        with pytest.raises(TaskRevokedError, match="expired"):
            outcome(expiring)
    assert expiring.state == "REVOKED"


def test_a_task_that_expires_in_the_queue_does_not_run(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "ran"
    with deployment.held():
        deployment.send("write", str(path), "expired", expires=0.2)
        deployment.send("write", str(path), "in time", expires=60)
        expired_at = time.monotonic() + 0.3
        eventually(lambda: time.monotonic() > expired_at, 5, "the expiry")
    eventually(path.exists, 10, "the task that is in time")
    deployment.run("add", 1, 1)
    assert path.read_text() == "in time\n"


@late_only
def test_tasks_run_in_the_order_of_their_priorities(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "ran"
    with deployment.held() as held:
        results = [deployment.send("write", str(path), str(p), priority=p) for p in (3, 0, 9, 5, 1, 7, 2, 8, 4, 6)]
        # One process of the pool takes them all.
        held[0].release()
        for result in results:
            outcome(result)
    assert path.read_text().split() == list("9876543210")


@late_only
def test_tasks_of_one_priority_run_in_the_order_of_their_publication(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "ran"
    with deployment.held() as held:
        results = [deployment.send("write", str(path), str(number)) for number in range(20)]
        held[0].release()
        for result in results:
            outcome(result)
    assert path.read_text().split() == [str(number) for number in range(20)]


@late_only
def test_a_worker_with_late_acknowledgement_and_prefetch_1_reserves_no_more_than_it_runs(
    deployment: Deployment,
) -> None:
    with deployment.held() as held:
        waiting = [deployment.send("add", number, 1) for number in range(3)]
        running = {one.result.id for one in held}
        (reserved,) = deployment.inspect().reserved().values()
        (active,) = deployment.inspect().active().values()
        assert {task["id"] for task in reserved} | {task["id"] for task in active} == running
    assert [outcome(result) for result in waiting] == [1, 2, 3]


def test_a_task_that_is_requeued_runs_again_and_knows(deployment: Deployment) -> None:
    assert deployment.run("requeue_once") is True


def test_a_task_is_told_of_its_message(deployment: Deployment) -> None:
    told: dict[str, Any] = deployment.run("describe", priority=4, headers={"colour": "blue", "number": 7})
    assert (told["routing_key"], told["priority"]) == (deployment.name, 4)
    assert (told["headers"]["colour"], told["headers"]["number"]) == ("blue", 7)


def _reserved(deployment: Deployment, task_id: str) -> bool:
    (tasks,) = deployment.inspect().reserved().values()
    return task_id in {task["id"] for task in tasks}
