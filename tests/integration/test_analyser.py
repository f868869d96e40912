"""The analysis process: what a document may do to it, what it may not, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reports_worker.analyser import Analyser, AnalyserUnusable, AnalysisFailed, Limits, check
from reports_worker.analyser.process import AnalysisProcess
from reports_worker.processor import DocumentError
from tests.support.stack import PLUGIN, ROOT
from tests.support.waiting import eventually
from tests.unit.processors_documents import PROSE

LIMITS = Limits(seconds=60, memory_mib=512, reports=3)


@pytest.fixture
def analyser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Analyser]:
    """Give an analyser whose processors do what the document says."""
    yield from started(monkeypatch, LIMITS)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Analyser]:
    """Give the same with a second for each report."""
    yield from started(monkeypatch, Limits(seconds=1, memory_mib=512))


def started(monkeypatch: pytest.MonkeyPatch, limits: Limits) -> Iterator[Analyser]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PLUGIN), str(ROOT)]))
    analyser = Analyser(limits)
    yield analyser
    analyser.close()


def go_on(step: str, fraction: float) -> None:
    """Let a report take its steps."""


def process_of(analyser: Analyser, folder: Path) -> int:
    """Analyse a report and return the id of the process that did it."""
    told = folder / "told"
    analyser.analyse(f"tell {told}".encode(), "10_K", go_on)
    return int(told.read_text().split()[-1])


def failure_of(analyser: Analyser, order: str) -> tuple[str, bool]:
    """Return the reason of an analysis' failure, and whether it is tried again."""
    with pytest.raises(AnalysisFailed) as ended:
        analyser.analyse(order.encode(), "10_K", go_on)
    failure = ended.value.failure
    assert len(failure.message) > 40
    return failure.reason, failure.retryable


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_is_kept_for_several_reports_and_then_replaced(analyser: Analyser, tmp_path: Path) -> None:
    first = [process_of(analyser, tmp_path) for _ in range(3)]
    assert len(set(first)) == 1
    assert process_of(analyser, tmp_path) != first[0]
    assert gone(first[0])


def test_reports_that_are_analysed_at_once_have_processes_of_their_own(analyser: Analyser, tmp_path: Path) -> None:
    held = tmp_path / "held"
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(analyser.analyse, f"wait {held}".encode(), "8_K", go_on) for _ in range(2)]
        eventually(lambda: held.exists() and len(held.read_text().splitlines()) == 2, 20, "the start of both")
        (tmp_path / "held.go").touch()
        assert all(each.result(20).analysed.analysis.word_count == 1 for each in running)
    assert len({line.split()[1] for line in held.read_text().splitlines()}) == 2


@pytest.mark.parametrize(
    ("order", "reason", "retryable"),
    [
        ("crash", "CORRUPT", False),
        ("eat", "LIMIT_EXCEEDED", False),
        ("vanish", "PARSER_LOST", True),
        ("leave", "INTERNAL", True),
        ("fail", "INTERNAL", True),
        ("dream", "INTERNAL", True),
    ],
)
def test_a_document_that_ends_its_process_costs_only_its_own_attempt(
    analyser: Analyser, tmp_path: Path, order: str, reason: str, retryable: bool
) -> None:
    before = process_of(analyser, tmp_path)
    assert failure_of(analyser, order) == (reason, retryable)
    assert gone(before)
    assert process_of(analyser, tmp_path) != before


def test_a_process_that_says_what_nobody_understands_is_replaced(analyser: Analyser, tmp_path: Path) -> None:
    before = process_of(analyser, tmp_path)
    with pytest.raises(Exception, match="malformed"):
        analyser.analyse(b"babble", "10_K", go_on)
    assert gone(before)
    process_of(analyser, tmp_path)


@pytest.mark.parametrize("order", ["spin", "freeze /dev/null", "wait /dev/null"])
def test_a_report_over_its_time_is_ended_whatever_it_does(hurried: Analyser, order: str) -> None:
    assert failure_of(hurried, order) == ("TIMED_OUT", False)


def test_a_process_that_nobody_watches_is_ended_by_its_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PLUGIN), str(ROOT)]))
    process = AnalysisProcess(Limits(seconds=1))
    waited = threading.Event()

    def look_away(step: str, fraction: float) -> None:
        if not waited.is_set():
            waited.set()
            eventually(lambda: not process.is_alive, 20, "the end of the process")

    with pytest.raises(AnalysisFailed) as ended:
        process.analyse(b"spin", "10_K", look_away, with_narrative=False)
    process.close()
    assert ended.value.failure.reason == "TIMED_OUT"


def test_whoever_wants_a_report_to_stop_is_heard_while_it_hangs(analyser: Analyser, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    frozen = tmp_path / "frozen"

    def stop(step: str, fraction: float) -> None:
        if frozen.exists():
            raise StoppedError

    with pytest.raises(StoppedError):
        analyser.analyse(f"freeze {frozen}".encode(), "10_K", stop)
    assert gone(int(frozen.read_text().split()[1]))
    process_of(analyser, tmp_path)


def test_an_idle_process_that_was_killed_costs_nothing(analyser: Analyser, tmp_path: Path) -> None:
    pid = process_of(analyser, tmp_path)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert process_of(analyser, tmp_path) != pid


def test_a_process_outlives_the_thread_that_needed_it_first(analyser: Analyser, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        pid = thread.submit(process_of, analyser, tmp_path).result(20)
    assert process_of(analyser, tmp_path) == pid


def test_a_process_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = textwrap.dedent(f"""
        from reports_worker.analyser import Analyser, Limits
        Analyser(Limits()).analyse(b"freeze {told}", "10_K", lambda step, fraction: None)
    """)
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PLUGIN), str(ROOT)])},
    )
    eventually(lambda: told.exists() and told.read_text().endswith("\n"), 20, "the start of the report")
    parent.kill()
    parent.wait(20)
    eventually(lambda: gone(int(told.read_text().split()[1])), 5, "the end of the analysis process")


def test_a_process_has_no_secrets_and_no_connection_of_the_worker(
    analyser: Analyser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@host/name")
    monkeypatch.setenv("FNA_REPORTS_MODEL_API_KEY", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with (tmp_path / "open").open("w") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        pid = process_of(analyser, tmp_path)
        process = Path(f"/proc/{pid}")
        assert b"hunter2" not in (process / "environ").read_bytes()
        files = [str(link.readlink()) for link in (process / "fd").iterdir()]
    assert not [file for file in files if file.endswith("/open")]
    assert len([file for file in files if file.startswith("socket:")]) == 1


def test_our_own_processors_run_under_the_same_roof(tmp_path: Path) -> None:
    analyser = Analyser(LIMITS)
    steps: list[str] = []
    done = analyser.analyse(PROSE.encode(), "OTHER", lambda step, _: steps.append(step), with_narrative=True)
    again = analyser.analyse(PROSE.encode(), "OTHER", go_on)
    with pytest.raises(DocumentError) as refused:
        analyser.analyse(b"%PDF-1.4\nnot a document", "10_K", go_on)
    analyser.close()
    assert list(dict.fromkeys(steps)) == ["VALIDATION", "TEXT_EXTRACTION", "IXBRL_PARSING", "SENTIMENT_ANALYSIS"]
    assert done.analysed.narrative
    assert not again.analysed.narrative
    assert done.analysed.analysis == again.analysed.analysis
    assert 0 < done.peak_bytes < LIMITS.memory_bytes
    assert refused.value.reason == "CORRUPT"


def package(folder: Path, name: str, entry_points: str) -> str:
    """Install a package of one file in a folder, and return the folder."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[fna_reports.processors]\n{entry_points}\n")
    return str(folder)


@pytest.mark.parametrize(
    ("entry_points", "message"),
    [
        ("10_K = tests.support.processors:obey", "are both for 10_K"),
        ("10-K = tests.support.processors:obey", "'10-K', which is no report type"),
        ("8_K = tests.support.processors:nothing", "cannot be loaded: AttributeError"),
        ("8_K = tests.support.processors:_PATIENCE_SECONDS", "is no function"),
    ],
)
def test_a_processor_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry_points: str, message: str
) -> None:
    folders = [
        package(tmp_path / "one", "first", "10_K = tests.support.processors:obey"),
        package(tmp_path / "two", "second", entry_points),
    ]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*folders, str(ROOT)]))
    with pytest.raises(AnalyserUnusable, match=message) as refused:
        check(LIMITS)
    assert "second" in str(refused.value)


def test_the_processor_of_another_package_is_for_its_report_type_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path / "one", "first", "8_K = tests.support.processors:obey")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([folder, str(ROOT)]))
    analyser = Analyser(LIMITS)
    versions = {
        report_type: analyser.analyse(PROSE.encode(), report_type, go_on).analysed.analysis.model_version
        for report_type in ("8_K", "10_K")
    }
    analyser.close()
    assert versions["8_K"] == "test/1"
    assert versions["10_K"].startswith("fna-lexicon/")


def test_too_little_memory_to_start_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AnalyserUnusable, match="FNA_REPORTS_ANALYSIS_MEMORY_MIB=16"):
        check(Limits(memory_mib=16))
