"""What watchers cost those who submit, and what a large submission costs against its bare rows."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from uuid import UUID

from benchmarks import submission
from benchmarks.streams import servers
from benchmarks.streams.child import Child
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import Plan
from benchmarks.streams.reports import register
from benchmarks.streams.servers import Server
from benchmarks.streams.stage import stage
from benchmarks.streams.subjects import WATCH_BATCH, watching
from benchmarks.streams.submitters import Submitters
from benchmarks.streams.writers import Writers
from fna.reports.v1.batch_status_service_pb2 import WatchBatchRequest
from reports_core.storage.engine import sync_engine

_CALLERS = 4
_REPORTS = 100


def measure(plan: Plan) -> list[Figure]:
    """Measure pairs with and without watchers, the other one first each time, and then large submissions."""
    ratios, rates = [], []
    with stage() as here, ExitStack() as resources:
        server = resources.enter_context(servers.ours(here.url, here.folder))
        with Writers(here.url, 1) as writers:
            watched = writers.submit(1).batch_id
        submitters = resources.enter_context(Child(Submitters, server.address, _report_ids(here.url)))
        submitters.ask(Submitters.submit, _CALLERS, plan.warm_up_seconds)
        for number in range(plan.pairs):
            pair = {}
            for watchers in (0, plan.watchers) if number % 2 else (plan.watchers, 0):
                pair[watchers] = _rate(submitters, server, watched, watchers, plan.submission_seconds)
            rates.append(pair)
            ratios.append(pair[plan.watchers] / pair[0])
    whole = submission.run(rounds=plan.submission_rounds)["SubmitBatch"]
    return [
        Figure(f"batches of {_REPORTS} a second, no watchers", statistics.median(pair[0] for pair in rates), "/s"),
        Figure(
            f"batches of {_REPORTS} a second, {plan.watchers} watchers",
            statistics.median(pair[plan.watchers] for pair in rates),
            "/s",
        ),
        Figure("with watchers against none, least", min(ratios), "x"),
        Figure("with watchers against none, median", statistics.median(ratios), "x", at_least=0.9),
        Figure(f"SubmitBatch of {submission.REPORTS}, p50", whole["p50_ms"], "ms"),
        Figure("against the bare rows", whole["ratio"], "x", at_most=3),
    ]


def _report_ids(url: str) -> list[str]:
    engine = sync_engine(url, pool_size=1, application_name="submission")
    with engine.begin() as conn:
        report_ids = register(conn, _REPORTS)
    engine.dispose()
    return report_ids


def _rate(submitters: Child[Submitters], server: Server, batch_id: UUID, watchers: int, seconds: float) -> float:
    with ExitStack() as resources:
        if watchers:
            request = WatchBatchRequest(batch_id=str(batch_id))
            resources.enter_context(watching(server, WATCH_BATCH, [request] * watchers))
        return submitters.ask(Submitters.submit, _CALLERS, seconds)
