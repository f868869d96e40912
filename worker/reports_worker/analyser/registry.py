"""The processors of this installation: ours, and those of other packages for the report types that they name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from reports_core.domain.analysis import REPORT_TYPES
from reports_worker.analyser.errors import AnalyserUnusable
from reports_worker.processor import Processor

GROUP = "fna_reports.processors"


class Registry:
    """Which processor analyses the reports of which type."""

    def __init__(self, default: Processor, found: Iterable[EntryPoint]) -> None:
        """Load the processors that were found. Raises AnalyserUnusable when one cannot be used."""
        self._default = default
        self._own: dict[str, EntryPoint] = {}
        for entry_point in found:
            self._add(entry_point)
        self._loaded: dict[str, Processor] = {name: _load(entry) for name, entry in self._own.items()}

    def processor(self, report_type: str) -> Processor:
        """Return the processor for reports of a type such as `10_K`."""
        return self._loaded.get(report_type, self._default)

    def _add(self, entry_point: EntryPoint) -> None:
        if entry_point.name not in REPORT_TYPES:
            raise AnalyserUnusable(
                f"{_described(entry_point)} is for {entry_point.name!r}, which is no report type: "
                f"name its entry point one of {', '.join(REPORT_TYPES)}."
            )
        other = self._own.setdefault(entry_point.name, entry_point)
        if other is not entry_point:
            raise AnalyserUnusable(
                f"{_described(other)} and {_described(entry_point)} are both for {entry_point.name}: "
                "uninstall one of their packages."
            )


def installed() -> Iterable[EntryPoint]:
    """Return the entry points of the packages that are installed."""
    return entry_points(group=GROUP)


def _load(entry_point: EntryPoint) -> Processor:
    try:
        processor = entry_point.load()
    except Exception as error:
        raise AnalyserUnusable(f"{_described(entry_point)} cannot be loaded: {error!r}.") from error
    if not callable(processor):
        raise AnalyserUnusable(f"{_described(entry_point)} is no function but {processor!r}.")
    return processor  # type: ignore[no-any-return]  # an entry point may name anything; that it can be called was checked


def _described(entry_point: EntryPoint) -> str:
    package = f" of {entry_point.dist.name}" if entry_point.dist else ""
    return f"The processor {entry_point.value}{package}"
