"""What the benchmark of brokers makes of its samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.brokers import executions, report
from benchmarks.brokers.candidates import CANDIDATES, OURS, REDIS
from benchmarks.brokers.executions import Execution
from benchmarks.brokers.figures import LABELS, from_samples
from benchmarks.brokers.results import Results
from benchmarks.brokers.targets import AIMS, TARGETS, Target, Verdict

AT_LEAST_HALF = Target("", "publish", REDIS, 0.5)
AT_MOST_TWICE = Target("", "pick_up_p99_ms", REDIS, 2, at_most=True)


def test_a_rate_is_the_median_of_the_rounds() -> None:
    assert from_samples({"drain": [1000.0, 10.0, 900.0]}) == {"drain": 900.0}


def test_percentiles_are_of_the_messages_of_all_rounds() -> None:
    assert from_samples({"pick_up": [float(number) for number in range(200, 0, -1)]}) == {
        "pick_up_p50_ms": 100.5,
        "pick_up_p99_ms": 198.0,
        "pick_up_max_ms": 200.0,
        "pick_ups": 200,
    }


def test_with_less_than_a_hundred_messages_p99_is_the_maximum() -> None:
    assert from_samples({"pick_up": [3.0, 1.0, 2.0]})["pick_up_p99_ms"] == 3.0


@pytest.mark.parametrize(
    ("target", "ours", "theirs", "ratio", "verdict"),
    [
        (AT_LEAST_HALF, 50.0, 100.0, 0.5, Verdict.MET),
        (AT_LEAST_HALF, 49.0, 100.0, 0.49, Verdict.MISSED),
        (AT_MOST_TWICE, 8.0, 4.0, 2.0, Verdict.MET),
        (AT_MOST_TWICE, 9.0, 4.0, 2.25, Verdict.MISSED),
    ],
)
def test_a_target_is_met_up_to_its_limit(
    target: Target, ours: float, theirs: float, ratio: float, verdict: Verdict
) -> None:
    figures = {OURS: {target.figure: ours}, REDIS: {target.figure: theirs}}
    assert target.ratio(figures) == ratio
    assert target.verdict(figures) is verdict


def test_a_target_may_compare_two_kinds_of_figures() -> None:
    target = Target("", "publish_in_bulk", REDIS, 10, other_figure="publish")
    figures = {OURS: {"publish": 1.0, "publish_in_bulk": 3000.0}, REDIS: {"publish": 300.0}}
    assert target.ratio(figures) == 10
    assert target.verdict(figures) is Verdict.MET


@pytest.mark.parametrize("figures", [{}, {OURS: {"publish": 1.0}}, {REDIS: {"publish": 1.0}}])
def test_a_target_without_both_figures_is_neither_met_nor_missed(figures: dict[str, dict[str, float]]) -> None:
    assert AT_LEAST_HALF.ratio(figures) is None
    assert AT_LEAST_HALF.verdict(figures) is Verdict.NOT_MEASURED


def test_targets_name_brokers_and_figures_that_there_are() -> None:
    brokers = {candidate.name for candidate in CANDIDATES}
    for target in (*TARGETS, *AIMS):
        assert target.other in brokers
        assert {target.figure, target.other_figure or target.figure} <= LABELS.keys()


def test_samples_of_several_sessions_add_up() -> None:
    results = Results()
    results.add(REDIS, "publish", [1.0])
    results.add(REDIS, "drain", [5.0])
    results.add(REDIS, "publish", [3.0])
    assert results.figures() == {REDIS: {"drain": 5.0, "publish": 2.0}}


def test_a_missing_figure_and_its_reason_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    results = Results()
    results.add(OURS, "publish", [1234.5])
    for _ in range(2):
        results.miss(REDIS, "it is not on this machine")
    written = report.write(results, [OURS, REDIS], ["PostgreSQL"])
    shown = capsys.readouterr().out.splitlines()
    assert shown.count("  redis: it is not on this machine") == 1
    (row,) = (line for line in shown if line.startswith(LABELS["publish"]))
    assert row.split()[-2:] == ["1,234", "-"]
    assert written["brokers"] == {OURS: {"publish": 1234.5}}
    assert written["not_measured"] == ["redis: it is not on this machine"]


def test_executions_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "executions"
    assert (executions.count(path), executions.read(path)) == (0, [])
    written = [Execution(1.0, 2.5, 3.0), Execution(0.1, 0.2, 0.3)]
    for execution in written:
        executions.append(str(path), execution)
    assert executions.count(path) == 2
    assert executions.read(path) == written
