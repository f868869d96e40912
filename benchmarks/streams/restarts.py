"""Servers that are killed and started again all the time, while a batch is worked on and watched."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack

from benchmarks.streams.arrivals import evenly
from benchmarks.streams.child import Child
from benchmarks.streams.figures import Figure
from benchmarks.streams.fleet import Fleet
from benchmarks.streams.followers import Followers
from benchmarks.streams.plan import Plan
from benchmarks.streams.reader import Reader
from benchmarks.streams.stage import stage
from benchmarks.streams.writers import Writers

_SERVERS = 2
_WRITERS = 2
# Each has one connection, so that both servers get some.
_CLIENTS = 4
_PER_SECOND = 25.0
_KILL_SECONDS = 2.0
_BEGIN_SECONDS = 60.0
_END_SECONDS = 120.0


def measure(plan: Plan) -> list[Figure]:
    """Kill the servers on one port in turn until the batch is over, and compare what the watchers have seen."""
    offsets = evenly(_PER_SECOND, plan.restarts_seconds)
    with (
        stage() as here,
        Writers(here.url, _WRITERS) as writers,
        Fleet(here, _SERVERS) as fleet,
        ThreadPoolExecutor(1) as beside,
        ExitStack() as resources,
    ):
        batch = writers.submit(len(offsets))
        writers.claim(batch, range(len(offsets)))
        clients = [resources.enter_context(Child(Followers, fleet.address)) for _ in range(_CLIENTS)]
        for client in clients:
            client.ask(Followers.follow, str(batch.batch_id), plan.restart_watchers // _CLIENTS, _BEGIN_SECONDS)
        kills = _kill_while(beside.submit(writers.finish, batch, offsets), fleet)
        over = time.monotonic()
        answers = [client.begin(Followers.finish, _END_SECONDS) for client in clients]
        readings = [reading for answer in answers for reading in answer()]
        seconds = time.monotonic() - over
        with Child(Reader, fleet.address, str(batch.batch_id), 0) as reference:
            last = writers.newest(batch)
            reference.ask(Reader.open)
            wanted = reference.ask(Reader.read, last, _END_SECONDS)
    return [
        Figure("servers killed", kills, at_least=round(plan.restarts_seconds / _KILL_SECONDS) - 1),
        Figure("events", last),
        Figure("interruptions of a watcher", sum(len(each.interruptions) for each in readings) / len(readings)),
        Figure("from the last change to the last end", seconds, "s"),
        Figure("watchers", len(readings)),
        Figure(
            "of those saw exactly the events",
            sum(each.equals(wanted) and each.last == last for each in readings),
            at_least=len(readings),
        ),
    ]


def _kill_while(running: Future[object], fleet: Fleet) -> int:
    """Kill a server every few seconds until this is done; return how many."""
    kills = 0
    due = time.monotonic()
    while True:
        due += _KILL_SECONDS
        if wait([running], timeout=due - time.monotonic()).done:
            running.result()
            return kills
        fleet.replace_oldest()
        kills += 1
