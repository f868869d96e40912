"""What the benchmark prints and returns."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.brokers import targets
from benchmarks.brokers.figures import LABELS
from benchmarks.brokers.results import Results
from benchmarks.brokers.targets import Figures, Target
from benchmarks.machine import describe

_MISSING = "-"


def write(results: Results, brokers: Sequence[str], conditions: Sequence[str]) -> dict[str, object]:
    """Print tables and reasons; return the same as data."""
    figures = results.figures()
    machine = describe()
    print(f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, Celery {machine['celery']}")
    for condition in conditions:
        print(condition)
    print()
    _print_figures(figures, brokers)
    print()
    _print_targets(figures)
    if results.reasons:
        print("\nNot measured")
    for reason in results.reasons:
        print(f"  {reason}")
    return {
        "conditions": list(conditions),
        "brokers": figures,
        "targets": [_as_data(target, figures) for target in targets.TARGETS],
        "aims": [_as_data(target, figures) for target in targets.AIMS],
        "not_measured": results.reasons,
    }


def _print_figures(figures: Figures, brokers: Sequence[str]) -> None:
    label_width = max(map(len, LABELS.values()))
    print(" " * label_width + "".join(f"{broker:>17}" for broker in brokers))
    for name, label in LABELS.items():
        cells = (_number(figures.get(broker, {}).get(name)) for broker in brokers)
        print(f"{label:{label_width}}" + "".join(f"{cell:>17}" for cell in cells))


def _print_targets(figures: Figures) -> None:
    width = max(len(target.description) for target in (*targets.TARGETS, *targets.AIMS))
    print(f"{'Targets of ours, as ratios':{width}}{'target':>12}{'measured':>12}")
    for target in targets.TARGETS:
        print(f"{_line(target, figures, width)}  {target.verdict(figures).value}")
    for target in targets.AIMS:
        print(f"{_line(target, figures, width)}  (an aim, not a target)")


def _line(target: Target, figures: Figures, width: int) -> str:
    limit = f"{'<=' if target.at_most else '>='} {target.limit:g}"
    return f"{target.description:{width}}{limit:>12}{_number(target.ratio(figures)):>12}"


def _as_data(target: Target, figures: Figures) -> dict[str, object]:
    return {
        "description": target.description,
        "at_most" if target.at_most else "at_least": target.limit,
        "measured": target.ratio(figures),
        "verdict": target.verdict(figures).value,
    }


def _number(value: float | None) -> str:
    """Write three digits, or all before the point."""
    if value is None:
        return _MISSING
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
