"""The faults, and what may be seen of each."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2

from benchmarks.faults.scene import Scene

_RUNNING_SECONDS = 10.0
_TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong while tasks run; `strike` returns when it is over."""

    name: str
    summary: str
    strike: Callable[[Scene], None]
    redelivered_within_seconds: float | None
    """Until the first redelivery; None where nothing may be delivered again, because every worker lives on."""
    cable: bool = False
    """Whether the victim reaches the broker through the cable."""


def kill_worker(scene: Scene) -> None:
    """Kill the parent and its children at once, as the kernel does when memory runs out."""
    scene.victim.signal_all(signal.SIGKILL)
    scene.replace_victim()


def kill_parent(scene: Scene) -> None:
    """Kill the parent alone; its children end when they notice, on Linux at once."""
    scene.victim.kill_parent()
    scene.replace_victim()


def kill_child(scene: Scene) -> None:
    """Kill one child in the middle of a task."""
    running = scene.wait_for(lambda: scene.effects.running(scene.victim.name), _RUNNING_SECONDS, "a task in the victim")
    os.kill(running[-1], signal.SIGKILL)


def stop_worker(scene: Scene) -> None:
    """Stop the parent and its children, as a suspended machine does, and let them go on later."""
    scene.victim.signal_all(signal.SIGSTOP)
    scene.last()
    scene.victim.signal_all(signal.SIGCONT)


def terminate_backends(scene: Scene) -> None:
    """End every session of the database from the server's side."""
    with contextlib.closing(psycopg2.connect(scene.postgres.url)) as connection, connection.cursor() as cursor:
        cursor.execute(_TERMINATE)


def restart_fast(scene: Scene) -> None:
    """Restart PostgreSQL as its package's upgrade does: sessions end, a checkpoint is written."""
    scene.postgres.stop()
    scene.postgres.start()


def restart_immediately(scene: Scene) -> None:
    """Restart PostgreSQL as after a crash: nothing is written, the next start replays the log."""
    os.kill(scene.postgres.pid, signal.SIGQUIT)
    scene.postgres.stop()
    scene.postgres.start()


def cut_cable(scene: Scene) -> None:
    """Let nothing of the victim through in either direction, without closing anything."""
    scene.cable.cut()
    scene.last()
    scene.cable.mend()


# 2 s for a worker whose session the server sees end, 30 s for one that just falls silent; a lost child counts as such
# after the 2 s of `worker_lost_wait`.
FAULTS = (
    Fault("kill-worker", "SIGKILL of a whole worker", kill_worker, 2.0),
    Fault("kill-parent", "SIGKILL of a worker's parent process only", kill_parent, 2.0),
    Fault("kill-child", "SIGKILL of one child", kill_child, 5.0),
    Fault("stop-worker", "SIGSTOP of a whole worker, then SIGCONT", stop_worker, 30.0),
    Fault("terminate", "pg_terminate_backend of every session", terminate_backends, None),
    Fault("restart-fast", "fast restart of PostgreSQL", restart_fast, None),
    Fault("restart-immediate", "immediate restart of PostgreSQL", restart_immediately, None),
    Fault("cut-cable", "a worker's TCP connections cut without FIN, then mended", cut_cable, 30.0, cable=True),
)
