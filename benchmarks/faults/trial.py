"""One fault in the middle of many tasks, and what came of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks.faults.faults import Fault
from benchmarks.faults.scene import Plan, Scene
from reports_dev.postgres import EmbeddedPostgres

# Tasks that are done before the fault, so that the workers are in full swing.
_WARM_UP = 10
_WARM_UP_SECONDS = 30.0
_COMPLETION_SECONDS = 120.0
_AFTERWARDS_SECONDS = 30.0
_AGE_SECONDS = 60.0
_AGE = "SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float"
_LEFT = "SELECT count(*) FROM kombu_message WHERE queue = 'faults'"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen, with seconds counted from the fault."""

    fault: str
    lost: int
    """Tasks without an effect."""
    delivered_again: int
    ended_twice: int
    first_redelivery_seconds: float | None
    completion_seconds: float | None
    messages_left: int
    """Messages in the queue after all tasks have ended."""
    workers_alive: int
    workers_serving: int
    """Workers that take new work after the fault."""
    met: bool
    """Whether nothing was lost or left, all living workers serve, and redelivery was as the fault allows."""


def run_trial(fault: Fault, postgres: EmbeddedPostgres, effects_url: str, plan: Plan, folder: Path) -> Outcome:
    """Publish the tasks, strike, wait for the end of everything; the tables of `effects_url` are there."""
    with Scene(postgres, effects_url, plan, folder) as scene:
        scene.start_workers(scene.cable.url if fault.cable else postgres.url, postgres.url)
        scene.wait_for(lambda: _ask(postgres, _AGE) > plan.broker_age_seconds, _AGE_SECONDS, "the broker's age")
        warm_up = scene.publish(_WARM_UP)
        task_ids = scene.publish(plan.tasks)
        scene.wait_for(lambda: scene.effects.applied(warm_up) == _WARM_UP, _WARM_UP_SECONDS, "the first tasks' end")
        fault_at = scene.effects.now()
        fault.strike(scene)
        with contextlib.suppress(TimeoutError):  # what is missing then is the outcome
            scene.wait_for(
                lambda: scene.effects.applied(task_ids) == plan.tasks, _COMPLETION_SECONDS, "the last task's end"
            )
        serving = _serving(scene)
        left = _messages_left(scene)
        summary = scene.effects.summary(task_ids, fault_at)
        lost = plan.tasks - scene.effects.applied(task_ids)
        alive = sum(worker.alive for worker in scene.workers)
        prompt = _as_allowed(fault, summary.delivered_again, summary.first_redelivery_seconds)
        return Outcome(
            fault=fault.name,
            lost=lost,
            delivered_again=summary.delivered_again,
            ended_twice=summary.ended_twice,
            first_redelivery_seconds=summary.first_redelivery_seconds,
            completion_seconds=summary.completion_seconds,
            messages_left=left,
            workers_alive=alive,
            workers_serving=serving,
            met=lost == left == 0 and serving == alive and prompt,
        )


def _as_allowed(fault: Fault, delivered_again: int, seconds: float | None) -> bool:
    if fault.redelivered_within_seconds is None:
        return delivered_again == 0
    return seconds is not None and seconds <= fault.redelivered_within_seconds


def _serving(scene: Scene) -> int:
    """Publish more tasks until every living worker has taken one, and count those that do."""
    living = {worker.name for worker in scene.workers if worker.alive}
    task_ids: list[str] = []

    def all_serve() -> bool:
        if scene.effects.applied(task_ids) == len(task_ids):
            task_ids.extend(scene.publish(4 * len(living)))
        return living <= scene.effects.workers(task_ids)

    with contextlib.suppress(TimeoutError):  # counted below
        scene.wait_for(all_serve, _AFTERWARDS_SECONDS, "a further task in every worker")
    return len(living & scene.effects.workers(task_ids))


def _messages_left(scene: Scene) -> int:
    """Count what stays in the queue; acknowledgements may be a moment behind the tasks."""
    with contextlib.suppress(TimeoutError):  # counted below
        scene.wait_for(lambda: _ask(scene.postgres, _LEFT) == 0, _AFTERWARDS_SECONDS, "the last acknowledgement")
    return int(_ask(scene.postgres, _LEFT))


def _ask(postgres: EmbeddedPostgres, question: str) -> float:
    with contextlib.closing(psycopg2.connect(postgres.url)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        (answer,) = cursor.fetchone() or (0.0,)
        return float(answer)
