"""IXBRL_PARSING: the facts that a report tags."""

from __future__ import annotations

from collections.abc import Sequence

from reports_core.domain.analysis import Metric
from reports_worker.processors import ixbrl, metrics
from reports_worker.processors.documents import Document


def run(found: Sequence[Document], warnings: list[str]) -> tuple[Metric, ...]:
    """Return the facts that matter most; add to `warnings` when tags are malformed, which fails no report."""
    read: list[ixbrl.Fact] = []
    malformed = 0
    for document in found:
        if document.tree is not None:
            facts = ixbrl.read(document.tree)
            read += facts.read
            malformed += facts.malformed
    if malformed and read:
        warnings.append(f"{malformed:,} iXBRL tags are malformed: their facts were left out.")
    elif malformed:
        warnings.append("The iXBRL tags are malformed: only the text was used.")
    own = metrics.of_reporting_entity(read)
    if len(own) < len(read):
        warnings.append(f"Facts of other companies in the same file were left out: {len(read) - len(own):,}.")
    if contradictory := metrics.contradictions(own):
        warnings.append(
            f"Tagged facts contradict one another, and the most exact were taken: {', '.join(contradictory)}."
        )
    return metrics.choose(own)
