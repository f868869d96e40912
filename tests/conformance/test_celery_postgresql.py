"""What our transport does beyond what Celery gets from other brokers."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psycopg2
import pytest

from tests.conformance.brokers import MEMORY, RABBITMQ, Broker
from tests.conformance.deployment import LATE, Deployment, outcome
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.without(MEMORY, reason="it has no table"),
    pytest.mark.without(RABBITMQ, reason="it has no table"),
]

late_only = pytest.mark.parametrize("manner", ["late"], indirect=True, scope="session")


@late_only
def test_a_new_fairness_key_does_not_wait_for_the_backlog_of_another(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "ran"
    with deployment.held() as held:
        keys = ["large"] * 20 + ["small"] * 2
        results = [deployment.send("write", str(path), key, headers={"fairness_key": key}) for key in keys]
        held[0].release()
        for result in results:
            outcome(result)
    ran = path.read_text().split()
    assert len(ran) == 22
    # The two stand beside the first that waited of the others, and the one after.
    assert set(ran[6:]) == {"large"}


def test_a_task_with_a_countdown_waits_in_the_table_and_not_in_a_worker(
    broker: Broker, result_backend: str, tmp_path: Path
) -> None:
    path = tmp_path / "ran"
    with Deployment(broker, result_backend, tmp_path, **LATE) as deployment:
        worker = deployment.start_worker("--concurrency=1", "--without-mingle")
        sent = time.time()
        result = deployment.send("write", str(path), "once", countdown=3)
        assert deployment.run("add", 1, 2) == 3
        assert deployment.inspect().scheduled() == {deployment.worker: []}
        assert _waiting(broker, deployment) == [True]
        worker.kill()
        assert _waiting(broker, deployment) == [True]
        deployment.start_worker("--concurrency=1", "--without-mingle")
        outcome(result)
        assert 2.9 < time.time() - sent < 15
        assert path.read_text() == "once\n"
        eventually(lambda: not _waiting(broker, deployment), 5, "an empty queue")


def test_a_held_task_is_delivered_without_its_eta(deployment: Deployment) -> None:
    assert deployment.run("describe", countdown=0.2)["eta"] is None


def test_nothing_is_left_of_tasks_that_are_done(broker: Broker, deployment: Deployment) -> None:
    for number in range(5):
        assert deployment.run("add", number, 1) == number + 1
    eventually(lambda: not _waiting(broker, deployment), 5, "an empty queue")


def _waiting(broker: Broker, deployment: Deployment) -> list[bool]:
    """Return of each message in the table whether it waits, oldest first."""
    with contextlib.closing(psycopg2.connect(broker.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT visible FROM kombu_message WHERE queue = %s ORDER BY id", (deployment.name,))
        return [visible for (visible,) in cursor.fetchall()]
