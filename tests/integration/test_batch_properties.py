"""Whatever happens to batches, in whatever order and how much of it at once: nothing is lost, and nobody is misled.

`FNA_REPORTS_TEST_EXAMPLES` says how many histories are made up: hours of them find what a minute does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from itertools import count
from pathlib import Path
from threading import Barrier, Event
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.finality import Finality, Journal
from tests.support.invariants import broken
from tests.support.lives import Lives
from tests.support.loop_thread import LoopThread
from tests.support.onlookers import Onlookers
from tests.support.server import Client, running
from tests.support.storage import Store
from tests.support.watchers import Begin

EXAMPLES = int(os.environ.get("FNA_REPORTS_TEST_EXAMPLES", "40"))
SERVERS = 2
MOST_BATCHES = 3
MOST_WATCHERS = 6

# Hypothesis may take five minutes to simplify what it found.
pytestmark = pytest.mark.timeout(600 + 10 * EXAMPLES)

PICK = st.integers(0, 9)
# What leads on comes more often, or few batches would ever get far.
DEEDS = st.one_of(
    st.sampled_from(["start", "start", "succeed", "fail", "refuse", "redeliver", "retry"]),
    st.sampled_from([*Lives.DEEDS]),
)
DEED = st.tuples(DEEDS, PICK, PICK)
MOST = st.none() | st.integers(1, 8)
_CLEAR = """
    TRUNCATE reports, batches, batch_executions, batch_items, execution_items, batch_events, batch_outcomes,
        report_analyses, celery_taskmeta, kombu_message CASCADE;
    UPDATE event_horizon SET compacted_xact = pg_current_xact_id()
"""


class Histories(RuleBasedStateMachine):
    """Makes up what happens, and compares what everybody was told with what is stored.

    A deed is its name, the batch that it is done to, and the item or the attempt.
    """

    store: ClassVar[Store]
    loop: ClassVar[LoopThread]
    clients: ClassVar[list[Client]]
    numbers: ClassVar[Iterator[int]] = count()

    def __init__(self) -> None:
        super().__init__()
        self.store.rows(_CLEAR)
        # For the message: Hypothesis is silent on what does not fail again, as of much that happens at once.
        self.done: list[tuple[str, int, int]] = []
        self.lives = Lives(self.store, str(next(self.numbers)))
        self.finality = Finality(self.store)
        self.journal = Journal(self.store)
        self.onlookers = Onlookers(self.lives, self.journal, self.loop, self.clients)
        # Without those that joined, whose number is up to chance: Hypothesis wants the same choice to lead to the same.
        self.watchers = 0

    @initialize(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=2))
    def begin(self, sizes: list[int]) -> None:
        for size in sizes:
            self.lives.submit(size, like=None, timeout=False)

    @precondition(lambda self: len(self.lives.batches) < MOST_BATCHES)
    @rule(size=st.integers(1, 6), like=st.none() | PICK, timeout=st.booleans())
    def submit(self, size: int, like: int | None, timeout: bool) -> None:
        self.lives.submit(size, like=like, timeout=timeout)

    @precondition(lambda self: len(self.lives.batches) < MOST_BATCHES and not self.lives.submitting)
    @rule(size=st.integers(1, 3))
    def begin_submission(self, size: int) -> None:
        self.lives.begin_submission(size)

    @precondition(lambda self: self.lives.submitting)
    @rule(commit=st.booleans(), watched=st.booleans())
    def end_submission(self, commit: bool, watched: bool) -> None:
        if not watched:
            self.onlookers.leave()
        self.lives.end_submission(commit=commit)

    @rule(deeds=st.lists(DEED, min_size=1, max_size=20))
    def one_after_another(self, deeds: list[tuple[str, int, int]]) -> None:
        self.do_all(deeds)

    @rule(
        rows=st.lists(st.lists(DEED, min_size=1, max_size=5), min_size=2, max_size=4),
        joining=st.lists(st.tuples(PICK, st.sampled_from(Begin), st.integers(1, SERVERS)), max_size=6),
    )
    def at_once(self, rows: list[list[tuple[str, int, int]]], joining: list[tuple[int, Begin, int]]) -> None:
        together, over = Barrier(len(rows)), Event()

        def do(deeds: list[tuple[str, int, int]]) -> None:
            together.wait(10)
            self.do_all(deeds)

        with ThreadPoolExecutor(len(rows) + 1) as threads:
            looking = threads.submit(self.look_until, over)
            doing = [threads.submit(do, deeds) for deeds in rows]
            try:
                for which, begin, server in joining:
                    self.onlookers.join(self.lives.batch(which), begin, server=server)
                for each in doing:
                    each.result()
            finally:
                over.set()
            looking.result()

    @rule(
        which=PICK, outcomes=st.lists(st.sampled_from(["succeed", "refuse", "fail", "retry"]), min_size=1, max_size=12)
    )
    def process(self, which: int, outcomes: list[str]) -> None:
        self.do("dispatch", which, 0)
        for outcome in outcomes:
            self.do("start", which, 0)
            self.do(outcome, which, 1)

    @rule(which=PICK, what=PICK)
    def hand_in_unseen(self, which: int, what: int) -> None:
        self.lives.hand_in_unseen(self.lives.batch(which), what)

    @rule(interval=st.sampled_from(["10 seconds", "30 seconds", "10 minutes", "8 days"]), swept=st.booleans())
    def time_passes(self, interval: str, swept: bool) -> None:
        # Before compaction takes them.
        self.journal.read(self.lives.batches)
        self.lives.pass_time(interval)
        if swept:
            self.do("sweep", 0, 0)

    @precondition(lambda self: self.watchers < MOST_WATCHERS)
    @rule(which=PICK, begin=st.sampled_from(Begin), server=st.integers(1, SERVERS), most=MOST)
    def watch(self, which: int, begin: Begin, server: int, most: int | None) -> None:
        self.watchers += 1
        self.onlookers.watch(self.lives.batch(which), begin, server=server, most=most)

    @precondition(lambda self: self.watchers < MOST_WATCHERS)
    @rule(server=st.integers(1, SERVERS), most=MOST)
    def watch_all(self, server: int, most: int | None) -> None:
        self.watchers += 1
        self.onlookers.watch_all(server=server, most=most)

    @precondition(lambda self: self.watchers > 0)
    @rule(which=PICK)
    def cut(self, which: int) -> None:
        self.onlookers.cut(which)

    @precondition(lambda self: self.watchers > 0)
    @rule(which=PICK, server=st.integers(1, SERVERS), most=MOST)
    def resume(self, which: int, server: int, most: int | None) -> None:
        self.onlookers.resume(which, server=server, most=most)

    @precondition(lambda self: self.watchers > 0)
    @rule()
    def catch_up(self) -> None:
        self.onlookers.require_told()

    @invariant()
    def nothing_is_broken(self) -> None:
        assert self.store.do(broken) == [], self.done
        self.finality.require()

    def teardown(self) -> None:
        self.lives.end_submission(commit=True)
        self.journal.read(self.lives.batches)
        self.lives.work_off()
        self.journal.read(self.lives.batches)
        self.nothing_is_broken()
        self.lives.require_acknowledged(self.journal)
        self.onlookers.require_told()
        self.onlookers.require_history()
        self.onlookers.require_replays()
        self.onlookers.leave()

    def do_all(self, deeds: list[tuple[str, int, int]]) -> None:
        for deed in deeds:
            self.do(*deed)

    def do(self, name: str, which: int, what: int) -> None:
        self.done.append((name, which, what))
        Lives.DEEDS[name](self.lives, self.lives.batch(which), what)
        self.lives.announce()

    def look_until(self, over: Event) -> None:
        """Look at what everybody could see while more is being done."""
        while not over.is_set():
            assert self.store.do(broken) == [], self.done


@contextmanager
def world(database_url: str, folder: Path) -> Iterator[type[Histories]]:
    """Give the machine on one database and its servers, which all examples share."""
    with Store(database_url) as store, LoopThread() as loop:
        servers = AsyncExitStack()

        async def serve() -> Client:
            return await servers.enter_async_context(running(database_url, folder))

        clients = [loop.do(serve()) for _ in range(SERVERS)]
        try:
            yield type("Histories", (Histories,), {"store": store, "loop": loop, "clients": clients})
        finally:
            loop.do(servers.aclose())


def test_batches_are_exact_whatever_happens(database_url: str, tmp_path: Path) -> None:
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=40,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    with world(database_url, tmp_path) as histories:
        run_state_machine_as_test(histories, settings=chosen)
