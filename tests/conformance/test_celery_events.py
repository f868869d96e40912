"""What workers tell about themselves and their tasks to those who listen, as Flower does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery.result import AsyncResult
from kombu import Connection

from tests.conformance.brokers import MEMORY
from tests.conformance.deployment import Deployment, outcome
from tests.conformance.inbox import drain

pytestmark = pytest.mark.without(MEMORY, reason="its queues live in one process")

_SECONDS = 10.0
Event = dict[str, Any]


class Listener:
    """Keeps the events that arrive at a connection."""

    def __init__(self, connection: Connection, events: list[Event]) -> None:
        self._connection = connection
        self.events = events

    def wait_for(self, kind: str, condition: Callable[[Event], bool] = lambda event: True) -> Event:
        """Return the first event of the kind for which the condition holds, when it has arrived."""

        def found() -> list[Event]:
            return [event for event in self.events if event["type"] == kind and condition(event)]

        drain(self._connection, found, _SECONDS, f"{kind} among {[event['type'] for event in self.events]}")
        return found()[0]

    def kinds(self, result: AsyncResult, last: str) -> list[str]:
        """Return what happened to a task, up to the last, in the order in which the worker saw it."""
        self.wait_for(last, lambda event: event["uuid"] == result.id)
        events = [event for event in self.events if event.get("uuid") == result.id and event["type"] != "task-sent"]
        return [event["type"].removeprefix("task-") for event in sorted(events, key=lambda event: event["clock"])]


@contextmanager
def listening(deployment: Deployment, **options: Any) -> Iterator[Listener]:
    """Listen from now on, to what happens to tasks as well."""
    events: list[Event] = []
    _tell(deployment, "enable_events")
    with deployment.app.connection_for_read() as connection:
        receiver = deployment.app.events.Receiver(connection, handlers={"*": events.append}, **options)
        with receiver.consumer_context(wakeup=False) as (consuming, _, _):
            yield Listener(consuming, events)


def test_a_task_is_followed_from_its_publication_to_its_success(deployment: Deployment) -> None:
    with listening(deployment) as listener:
        result = deployment.send("add", 1, 2)
        assert listener.kinds(result, "task-succeeded") == ["received", "started", "succeeded"]
        sent = listener.wait_for("task-sent")
        received = listener.wait_for("task-received")
        succeeded = listener.wait_for("task-succeeded")
    assert (sent["uuid"], sent["name"], sent["queue"]) == (result.id, "add", deployment.name)
    assert (received["hostname"], received["args"]) == (deployment.worker, "(1, 2)")
    assert succeeded["result"] == "3"
    assert succeeded["runtime"] >= 0


def test_a_failure_is_told(deployment: Deployment) -> None:
    with listening(deployment) as listener:
        result = deployment.send("fail", "told")
        assert listener.kinds(result, "task-failed") == ["received", "started", "failed"]
        assert listener.wait_for("task-failed")["exception"] == "ValueError('told')"


def test_a_retry_is_told(deployment: Deployment) -> None:
    with listening(deployment) as listener:
        result = deployment.send("succeed_at_retry", 1, 0)
        listener.wait_for("task-retried", lambda event: event["uuid"] == result.id)
        kinds = listener.kinds(result, "task-succeeded")
    assert sorted(kinds) == ["received", "received", "retried", "started", "started", "succeeded"]


def test_a_revocation_is_told(deployment: Deployment, tmp_path: Path) -> None:
    with listening(deployment) as listener:
        with deployment.held():
            result = deployment.send("write", str(tmp_path / "ran"), "revoked")
            # With an answer: the revocation is known before the processes are free.
            deployment.app.control.revoke(result.id, reply=True, limit=1, timeout=_SECONDS)
        revoked = listener.wait_for("task-revoked")
    assert (revoked["uuid"], revoked["terminated"], revoked["expired"]) == (result.id, False, False)


def test_a_worker_shows_that_it_lives(deployment: Deployment) -> None:
    with listening(deployment) as listener:
        heartbeat = listener.wait_for("worker-heartbeat")
        assert heartbeat["hostname"] == deployment.worker
        listener.wait_for("worker-heartbeat", lambda event: event["clock"] > heartbeat["clock"])


def test_a_worker_shows_that_it_lives_when_asked(deployment: Deployment) -> None:
    with listening(deployment) as listener:
        deployment.app.control.broadcast("heartbeat")
        assert listener.wait_for("worker-heartbeat")["hostname"] == deployment.worker


def test_all_listeners_hear_all_events(deployment: Deployment) -> None:
    with listening(deployment) as first, listening(deployment) as second:
        results = [deployment.send("add", number, number) for number in range(5)]
        for result in results:
            expected = ["received", "started", "succeeded"]
            assert first.kinds(result, "task-succeeded") == expected
            assert second.kinds(result, "task-succeeded") == expected


def test_a_listener_chooses_events_by_their_kind(deployment: Deployment) -> None:
    with listening(deployment, routing_key="worker.#") as listener:
        deployment.run("add", 1, 2)
        deployment.app.control.broadcast("heartbeat")
        listener.wait_for("worker-heartbeat")
        assert {event["type"] for event in listener.events} == {"worker-heartbeat"}


def test_a_worker_tells_of_tasks_only_while_it_is_wanted(deployment: Deployment) -> None:
    with listening(deployment) as listener:
        _tell(deployment, "disable_events")
        silent = deployment.send("add", 1, 2)
        outcome(silent)
        _tell(deployment, "enable_events")
        heard = deployment.send("add", 1, 2)
        assert listener.kinds(heard, "task-succeeded") == ["received", "started", "succeeded"]
        assert listener.kinds(silent, "task-sent") == []


def _tell(deployment: Deployment, command: str) -> None:
    (reply,) = deployment.app.control.broadcast(command, reply=True, limit=1, timeout=_SECONDS)
    assert "ok" in reply[deployment.worker]
