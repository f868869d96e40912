"""The table of what the analysis of a batch found."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fna.reports.cli.names import REPORT_TYPES, bare_name
from fna.reports.cli.summary import error_text
from fna.reports.v1.batch_pb2 import BatchItem, BatchItemStatus
from fna.reports.v1.report_pb2 import ReportAnalysis, ReportType

_COLUMNS = ("REPORT", "TYPE", "STATUS", "SECONDS", "OPTIMISM", "RISK", "UNCERTAINTY", "TOP THEMES")
_NUMBERS = ("SECONDS", "OPTIMISM", "RISK", "UNCERTAINTY")
_GAP = "  "
_MOST_THEMES = 3
_SHORTEST_NAME = 12


@dataclass(frozen=True, slots=True)
class Result:
    """How one report ended; a failed one has no analysis."""

    name: str
    report_type: ReportType.ValueType
    item: BatchItem
    analysis: ReportAnalysis | None


def print_results(results: Sequence[Result]) -> None:
    """Print the results: on a terminal so that they fit in it, else a line for each report."""
    rows = [_COLUMNS, *(_row(result) for result in results)]
    if not sys.stdout.isatty():
        print("\n".join(table_lines(rows)), flush=True)
        return
    heading, *lines = table_lines(rows, width=shutil.get_terminal_size().columns)
    print(f"\x1b[1m{heading}\x1b[0m", *lines, sep="\n", flush=True)


def table_lines(rows: Sequence[Sequence[str]], *, width: int | None = None) -> Iterator[str]:
    """Lay the rows out in columns; where they do not fit, names are cut and the last column gets lines of its own."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    if width is None or sum(widths) + len(_GAP) * len(widths) <= width:
        for row in rows:
            yield _aligned(row, widths)
        return
    room = width - sum(widths[1:-1]) - len(_GAP) * len(widths)
    widths[0] = min(widths[0], max(room, _SHORTEST_NAME))
    for row in rows:
        name = row[0] if len(row[0]) <= widths[0] else f"{row[0][: widths[0] - 1]}…"
        yield _aligned((name, *row[1:-1]), widths[:-1])
        if row[-1]:
            yield f"{_GAP}{row[-1]}"


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


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        f"{cell:>{width}}" if column in _NUMBERS else f"{cell:<{width}}"
        for column, cell, width in zip(_COLUMNS, row, widths, strict=False)
    )
    return _GAP.join(cells).rstrip()
