"""Whether an analysis can be stored and compared: the last look at what comes out of an analysis process."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict

from reports_core.domain.analysis import ReportAnalysis, Score, Section

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL has no place for in a text."""
_MAX_LISTED = 50
_MAX_EXCERPT = 2_000


class Unsound(Exception):
    """The processor made an analysis that nobody can use."""


def require_sound(analysis: ReportAnalysis) -> None:
    """Raise Unsound when the analysis breaks what its types and docstrings promise."""
    for name, value in _leaves("analysis", asdict(analysis)):
        if isinstance(value, float) and not math.isfinite(value):
            raise Unsound(f"{name} is {value}")
        if isinstance(value, str) and _UNSTORABLE.search(value):
            raise Unsound(f"{name} has characters that cannot be stored")
    for name, score in _scores(analysis):
        if not (0 <= score.value <= 1 and 0 <= score.confidence <= 1):
            raise Unsound(f"{name} is not from 0 to 1")
    if max(len(analysis.key_themes), len(analysis.risk_indicators)) > _MAX_LISTED:
        raise Unsound(f"it has more than {_MAX_LISTED} themes or risk indicators")
    if any(len(indicator.excerpt) > _MAX_EXCERPT for indicator in analysis.risk_indicators):
        raise Unsound(f"an excerpt has more than {_MAX_EXCERPT:,} characters")


def _scores(analysis: ReportAnalysis) -> Iterator[tuple[str, Score]]:
    holders: list[ReportAnalysis | Section] = [analysis, *analysis.sections]
    for holder in holders:
        yield from (("optimism", holder.optimism), ("risk", holder.risk), ("uncertainty", holder.uncertainty))


def _leaves(name: str, value: object) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _leaves(f"{name}.{key}", item)
        case list() | tuple():
            for position, item in enumerate(value):
                yield from _leaves(f"{name}[{position}]", item)
        case _:
            yield name, value
