"""Measures the analysis of each document in its process, and the bare extraction of its text, in turns."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.analysis import bare, corpus
from benchmarks.analysis.corpus import Document
from benchmarks.machine import describe
from reports_worker.analyser import Analyser, Limits

HELP = "analyse each document in its process, against the bare extraction library on the same file"

FILINGS = Path(__file__).parents[3] / "shared" / "filings"
_TIMES = 3.0
_EXTRA_SECONDS = 0.3
_LARGE_MEGABYTES = 3.9
_LARGE_SECONDS = 2.0
_SPEED_UP = 1.8


@dataclass(slots=True)
class Measured:
    """What one document took."""

    document: Document
    bare: list[float] = field(default_factory=list)
    analysed: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def bare_seconds(self) -> float:
        return statistics.median(self.bare)

    @property
    def seconds(self) -> float:
        return statistics.median(self.analysed)

    @property
    def is_in_time(self) -> bool:
        return self.seconds <= _TIMES * self.bare_seconds + _EXTRA_SECONDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--folder", type=Path, default=FILINGS, help="documents to analyse (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each document (default: %(default)s)")


def run(*, folder: Path, rounds: int) -> dict[str, Any]:
    """Measure, print a table and the verdicts, and return the figures; times in seconds."""
    if not folder.is_dir():
        raise SystemExit(
            f"{folder} is no folder: name one with reports, --folder services/reports_dev/samples has some."
        )
    documents = corpus.read(folder)
    analyser = Analyser(Limits())
    analyser.start()
    measured = [Measured(document) for document in documents]
    for _ in range(rounds):
        for each in measured:
            each.bare.append(_timed(partial(bare.extract, each.document.media, each.document.content)))
            each.analysed.append(_timed(partial(_analyse, analyser, each)))
    rates = {processes: _rate(analyser, documents, processes) for processes in (1, 2)}
    analyser.close()
    return _report(measured, rates[2] / rates[1])


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _analyse(analyser: Analyser, measured: Measured) -> None:
    done = analyser.analyse(measured.document.content, "OTHER", lambda step, fraction: None)
    measured.peak_bytes = max(measured.peak_bytes, done.peak_bytes)


def _rate(analyser: Analyser, documents: Sequence[Document], processes: int) -> float:
    """Return the megabytes a second that so many processes analyse, each with its share of one pile."""
    # The largest first, so that no process is left alone with one of them in the end.
    pile = sorted(documents, key=lambda document: -len(document.content)) * 2
    with ThreadPoolExecutor(processes) as threads:
        started = time.perf_counter()
        for future in [threads.submit(_analyse, analyser, Measured(document)) for document in pile]:
            future.result()
        return sum(document.megabytes for document in pile) / (time.perf_counter() - started)


def _report(measured: Sequence[Measured], speed_up: float) -> dict[str, Any]:
    machine = describe()
    print(f"{len(measured)} documents; {machine['cores']} cores, Python {machine['python']}; times in seconds\n")
    print(f"{'document':44}{'MB':>7}{'bare':>8}{'whole':>8}{'ratio':>7}{'MB/s':>7}{'MiB':>6}")
    for media, of_format in groupby(measured, key=lambda each: each.document.media):
        rows = list(of_format)
        for each in rows:
            _print_row(each.document.name[:43], [each], "" if each.is_in_time else "  over")
        _print_row(f"= {media.value.rpartition('.')[2].rpartition('/')[2]}", rows, "")
    return _verdicts(measured, speed_up)


def _print_row(name: str, rows: Iterable[Measured], remark: str) -> None:
    rows = list(rows)
    megabytes = sum(each.document.megabytes for each in rows)
    bare_seconds, seconds = sum(each.bare_seconds for each in rows), sum(each.seconds for each in rows)
    peak = max(each.peak_bytes for each in rows) >> 20
    print(
        f"{name:44}{megabytes:7.2f}{bare_seconds:8.3f}{seconds:8.3f}{seconds / bare_seconds:7.1f}"
        f"{megabytes / seconds:7.1f}{peak:6}{remark}"
    )


def _verdicts(measured: Sequence[Measured], speed_up: float) -> dict[str, Any]:
    over = [each.document.name for each in measured if not each.is_in_time]
    large = [each.seconds for each in measured if each.document.megabytes >= _LARGE_MEGABYTES]
    within = len(measured) - len(over)
    print(
        f"\nwithin {_TIMES:g} times the bare library and {_EXTRA_SECONDS:g} s: {within} of {len(measured)}"
        f"\nlargest of about 4 MB: {max(large, default=0):.2f} s (target: under {_LARGE_SECONDS:g} s)"
        f"\ntwo processes against one: {speed_up:.2f} (target: {_SPEED_UP:g})"
    )
    return {
        "documents": {
            each.document.name: {
                "bare_s": round(each.bare_seconds, 4),
                "whole_s": round(each.seconds, 4),
                "peak_mib": each.peak_bytes >> 20,
            }
            for each in measured
        },
        "over": over,
        "two_processes_against_one": round(speed_up, 3),
    }
