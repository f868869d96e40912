"""`./run demo` as a user runs it: real processes and an embedded PostgreSQL."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports_dev.demo_documents import samples
from tests.support.dev_command import DevCommands, dev_commands

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def commands() -> Iterator[DevCommands]:
    with dev_commands() as commands:
        yield commands


def row_of(name: str, table: str) -> list[str]:
    """Return the cells of a report's row in the table of results."""
    [line] = [line for line in table.splitlines() if line.startswith(f"{name} ") and " PROCESSING " not in line]
    return re.split(r" {2,}", line)


def test_the_demo_analyses_every_sample_and_leaves_nothing_behind(commands: DevCommands) -> None:
    demo = commands.start("demo")
    assert demo.wait() == 0, demo.stderr
    table = demo.stdout[demo.stdout.index("\nREPORT ") :]
    rows = [row_of(sample.path.name, table) for sample in samples()]
    assert len(rows) >= 8
    assert len({tuple(row[4:7]) for row in rows}) == len(rows), "reports of different tone have different scores"
    assert all(0 <= float(score) <= 1 for row in rows for score in row[4:7])
    assert all(row[7] for row in rows), "every sample has themes"
    assert "Traceback" not in demo.stdout + demo.stderr
    commands.nothing_is_left()
    assert list(commands.temporary.iterdir()) == []


def test_what_it_suggests_works_as_printed_while_it_is_kept(commands: DevCommands) -> None:
    demo = commands.start("demo", samples()[0].path, "--keep")
    demo.wait_for("everything keeps running until Ctrl-C")
    # The path of the command is quoted where the checkout's has a space.
    command = re.compile(r"  ('[^']*/fna-reports'|\S*/fna-reports|curl|grpcurl|psql) ")
    suggested = [shlex.split(line) for line in demo.stdout.splitlines() if command.match(line)]
    assert len(suggested) == 8
    for words in suggested:
        if shutil.which(words[0]) is None:
            continue
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        assert done.stdout.strip(), words
        assert "problem" not in done.stdout, f"{words}: {done.stdout}"
    assert demo.end_by(signal.SIGINT) == 0
    commands.nothing_is_left()


def test_it_takes_files_and_the_top_of_folders_and_tells_why_one_failed(commands: DevCommands) -> None:
    folder = commands.folder / "my filings"
    (folder / "deeper").mkdir(parents=True)
    first, second = samples()[0].path, samples()[1].path
    shutil.copy(first, folder)
    shutil.copy(second, folder / "deeper")
    (folder / "8k_short.txt").write_text("Too short to be analysed.")
    (folder / "notes.md").write_text("Not a report.")
    demo = commands.run("demo", folder)
    assert demo.wait() == 3
    assert "uploading 2 reports" in demo.stdout
    assert row_of(first.name, demo.stdout)[2] == "COMPLETED"
    assert re.search(r"^8k_short\.txt +8-K +FAILED +\S+", demo.stdout, re.MULTILINE)
    assert second.name not in demo.stdout
    [kept] = re.findall(r"^The logs are kept in (.+)\.$", demo.stdout, re.MULTILINE)
    assert "FAILED after" in (Path(kept) / "worker.log").read_text()


@pytest.mark.parametrize("moment", ["waiting for PostgreSQL", "waiting for the gRPC server", "waiting for the worker"])
def test_ctrl_c_stops_everything_at_any_moment(commands: DevCommands, moment: str) -> None:
    demo = commands.start("demo")
    demo.wait_for(moment)
    assert demo.end_by(signal.SIGINT) == 130
    assert "Traceback" not in demo.stdout + demo.stderr
    commands.nothing_is_left()
    assert list(commands.temporary.iterdir()) == []


def test_nothing_outlives_a_demo_that_is_killed(commands: DevCommands) -> None:
    demo = commands.start("demo")
    demo.wait_for("waiting for the worker")
    demo.kill()
    commands.nothing_is_left()
    assert list(commands.temporary.iterdir()) == []


def test_a_process_that_cannot_start_is_named_with_its_log(commands: DevCommands) -> None:
    demo = commands.start("demo", FNA_REPORTS_MAX_BATCH_SIZE="many")
    assert demo.wait() == 1
    assert "server ended with exit status 1" in demo.stderr
    assert "FNA_REPORTS_MAX_BATCH_SIZE" in demo.stderr
    assert "The logs are kept in" in demo.stderr


def test_a_path_without_documents_is_refused(commands: DevCommands) -> None:
    demo = commands.run("demo", commands.folder / "nothing")
    assert demo.wait() == 1
    assert "there is no such file or folder" in demo.stderr
