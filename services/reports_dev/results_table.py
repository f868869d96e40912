"""The table of what the analysis of a batch found."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fna.reports.cli.names import REPORT_TYPES, bare_name
from fna.reports.cli.summary import error_text
from fna.reports.v1.batch_pb2 import BatchItem, BatchItemStatus
from fna.reports.v1.report_pb2 import ReportAnalysis, ReportType

_COLUMNS = ("REPORT", "TYPE", "STATUS", "SECONDS", "OPTIMISM", "RISK", "UNCERTAINTY", "TOP THEMES")
_NUMBERS = ("SECONDS", "OPTIMISM", "RISK", "UNCERTAINTY")
_MOST_THEMES = 3


@dataclass(frozen=True, slots=True)
class Result:
    """How one report ended; a failed one has no analysis."""

    name: str
    report_type: ReportType.ValueType
    item: BatchItem
    analysis: ReportAnalysis | None


def print_results(results: Sequence[Result]) -> None:
    """Print the results: as a table of rich on a terminal, else as aligned text."""
    rows = [_row(result) for result in results]
    if sys.stdout.isatty():
        _print_rich(rows)
    else:
        print("\n".join(_aligned([_COLUMNS, *rows])), flush=True)


def _row(result: Result) -> tuple[str, ...]:
    status = bare_name(BatchItemStatus.DESCRIPTOR, result.item.status)
    kind = next((name for name, number in REPORT_TYPES.items() if number == result.report_type), "")
    found = result.analysis
    if found is None:
        why = error_text(result.item.error) if result.item.HasField("error") else ""
        return (result.name, kind, status, "", "", "", "", why)
    scores = (f"{score.value:.2f}" for score in (found.optimism, found.risk, found.uncertainty))
    seconds = found.processing_time.ToTimedelta().total_seconds()
    themes = ", ".join(theme.label for theme in found.key_themes[:_MOST_THEMES])
    return (result.name, kind, status, f"{seconds:.1f}", *scores, themes)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            f"{cell:>{width}}" if column in _NUMBERS else f"{cell:<{width}}"
            for column, cell, width in zip(_COLUMNS, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _print_rich(rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - as below
    from rich.markup import escape  # noqa: PLC0415 - as below
    from rich.table import Table  # noqa: PLC0415 - slow to load, and of no use in a pipe

    table = Table(header_style="bold", pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _NUMBERS else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
