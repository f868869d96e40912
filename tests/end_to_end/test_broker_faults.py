"""The faults of `./run bench faults` with less work and shorter leases: nothing is lost, nothing is done twice."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.faults.effects import Effects
from benchmarks.faults.faults import FAULTS, Fault
from benchmarks.faults.scene import Plan
from benchmarks.faults.trial import Outcome, run_trial
from reports_dev.postgres import EmbeddedPostgres

pytestmark = pytest.mark.timeout(180)

PLAN = Plan(
    tasks=60,
    task_seconds=(0.1, 0.2),
    # Longer than the lease, which a silent worker then loses.
    fault_seconds=6.0,
    broker_age_seconds=1.0,
    transport_options={"lease_seconds": 2.0, "patrol_seconds": 0.5, "reconnect_grace_seconds": 1.0},
)
# On a busy machine.
MARGIN_SECONDS = 2.0


@pytest.fixture
def broker() -> Iterator[EmbeddedPostgres]:
    """Give a server that keeps its data when it restarts, in a folder that every user can enter."""
    path = Path(tempfile.mkdtemp(prefix="fna-test-"))
    path.chmod(0o755)
    with EmbeddedPostgres(path / "postgres") as postgres:
        yield postgres
    shutil.rmtree(path)


@pytest.fixture
def effects_url(empty_database_url: str) -> str:
    """Give a database, on another server, for what the tasks write down."""
    with Effects(empty_database_url) as effects:
        effects.create()
    return empty_database_url


def named(*names: str) -> pytest.MarkDecorator:
    """Run a test with these faults."""
    faults = [fault for fault in FAULTS if fault.name in names]
    assert len(faults) == len(names)
    return pytest.mark.parametrize("fault", faults, ids=[fault.name for fault in faults])


def require_all_done_once(outcome: Outcome) -> None:
    assert outcome.lost == 0
    assert outcome.messages_left == 0
    assert outcome.workers_serving == outcome.workers_alive == 2


@named("kill-worker", "kill-parent", "kill-child")
def test_what_killed_processes_ran_is_delivered_again_at_once(
    fault: Fault, broker: EmbeddedPostgres, effects_url: str, tmp_path: Path
) -> None:
    outcome = run_trial(fault, broker, effects_url, PLAN, tmp_path)
    require_all_done_once(outcome)
    assert fault.redelivered_within_seconds is not None
    assert outcome.first_redelivery_seconds is not None
    assert outcome.first_redelivery_seconds < fault.redelivered_within_seconds + MARGIN_SECONDS


@named("stop-worker", "cut-cable")
def test_what_a_silent_worker_ran_is_delivered_again_after_its_lease_and_its_late_acknowledgements_are_refused(
    fault: Fault, broker: EmbeddedPostgres, effects_url: str, tmp_path: Path
) -> None:
    outcome = run_trial(fault, broker, effects_url, PLAN, tmp_path)
    require_all_done_once(outcome)
    assert outcome.first_redelivery_seconds is not None
    lease = PLAN.transport_options["lease_seconds"]
    assert lease / 2 < outcome.first_redelivery_seconds < PLAN.fault_seconds
    assert "acknowledgement will be refused" in (tmp_path / "worker-worker1.log").read_text()


@named("terminate", "restart-fast", "restart-immediate")
def test_living_workers_keep_what_they_run_when_they_lose_their_connections(
    fault: Fault, broker: EmbeddedPostgres, effects_url: str, tmp_path: Path
) -> None:
    outcome = run_trial(fault, broker, effects_url, PLAN, tmp_path)
    require_all_done_once(outcome)
    assert outcome.delivered_again == 0
