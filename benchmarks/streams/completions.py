"""Completions of one batch by concurrent finishers against as many batches, as `./run bench completions` has them."""

from __future__ import annotations

from benchmarks import completions
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import Plan
from benchmarks.streams.stage import stage


def measure(plan: Plan) -> list[Figure]:
    """Measure with commits as they are and with slow ones."""
    with stage() as here:
        found = completions.measure(here.url, rounds=plan.completion_rounds)
    figures = []
    for kind, row in found.items():
        figures += [
            Figure(f"{kind}: one batch", row["one_batch_finish_s"], "/s"),
            Figure(f"{kind}: 8 batches", row["8_batches_finish_s"], "/s"),
            Figure(f"{kind}: one against 8", row["ratio"], "x", at_least=0.5),
        ]
    return figures
