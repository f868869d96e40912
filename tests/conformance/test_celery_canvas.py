"""Tasks that follow from one another."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from celery import chain, chord, group
from celery.exceptions import ChordError

from tests.conformance.brokers import MEMORY
from tests.conformance.deployment import Deployment, outcome
from tests.support.waiting import eventually

pytestmark = pytest.mark.without(MEMORY, reason="its queues live in one process")


def test_a_task_returns_its_result(deployment: Deployment) -> None:
    assert deployment.run("add", 1, 2) == 3


def test_a_task_raises_its_error(deployment: Deployment) -> None:
    with pytest.raises(ValueError, match="on purpose"):
        deployment.run("fail", "on purpose")


def test_arguments_and_results_of_a_megabyte_arrive(deployment: Deployment) -> None:
    value = "ä" * 2**20
    assert deployment.run("echo", value) == value


def test_a_hundred_tasks_run_once_each(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "ran"
    outcome(group(deployment.signature("write", str(path), str(number)) for number in range(100)).apply_async())
    assert sorted(map(int, path.read_text().split())) == list(range(100))


def test_a_chain_passes_each_result_on(deployment: Deployment) -> None:
    s = deployment.signature
    assert outcome(chain(s("add", 1, 2), s("add", 3), s("add", 4)).apply_async()) == 10


def test_a_broken_chain_goes_no_further(deployment: Deployment, tmp_path: Path) -> None:
    s = deployment.signature
    last = chain(s("fail", "broken"), s("write", str(tmp_path / "ran")).set(immutable=True)).apply_async()
    with pytest.raises(ValueError, match="broken"):
        outcome(last.parent)
    deployment.run("add", 1, 1)
    assert not (tmp_path / "ran").exists()


def test_a_group_collects_results_in_order(deployment: Deployment) -> None:
    tasks = [deployment.signature("add", number, number) for number in range(20)]
    assert outcome(group(tasks).apply_async()) == [2 * number for number in range(20)]


def test_the_results_of_a_group_are_there_soon_after_its_last_task(deployment: Deployment) -> None:
    result = group(deployment.signature("started_at") for _ in range(10)).apply_async()
    # With the interval of Celery's own.
    last = max(result.get(timeout=20))
    assert time.time() - last < 1.5


def test_a_chord_ends_with_its_callback(deployment: Deployment) -> None:
    s = deployment.signature
    header = [s("add", number, 1) for number in range(10)]
    assert outcome(chord(header, app=deployment.app)(s("total"))) == 55


def test_chords_follow_one_another(deployment: Deployment) -> None:
    s = deployment.signature
    first = group(s("add", number, 1) for number in range(3))
    canvas = chain(first, s("total"), group(s("add", 10), s("add", 20)), s("total"), app=deployment.app)
    assert outcome(canvas.apply_async()) == 42


def test_a_failed_header_fails_its_chord(deployment: Deployment) -> None:
    s = deployment.signature
    result = chord([s("add", 1, 1), s("fail", "header")], app=deployment.app)(s("total"))
    eventually(result.ready, 10, "the end of the chord")
    assert result.state == "FAILURE"
    assert isinstance(result.result, ChordError)


def test_an_error_callback_is_called(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "called"
    callback = deployment.signature("write", str(path), "failed").set(immutable=True)
    deployment.send("fail", "called back", link_error=callback)
    eventually(lambda: path.exists() and path.read_text() == "failed\n", 10, "the callback")


def test_a_success_callback_is_called(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "called"
    callback = deployment.signature("write", str(path), "succeeded").set(immutable=True)
    deployment.send("add", 1, 2, link=callback)
    eventually(lambda: path.exists() and path.read_text() == "succeeded\n", 10, "the callback")


@pytest.mark.parametrize("countdown", [0, 0.3])
def test_a_task_is_retried_until_it_succeeds(deployment: Deployment, countdown: float) -> None:
    began = time.monotonic()
    assert deployment.run("succeed_at_retry", 2, countdown) == 2
    assert time.monotonic() - began >= 2 * countdown
