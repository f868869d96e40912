"""The script `run`, in checkouts of a few files, with a uv that only writes down what it is asked."""

import ast
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import eventually

RUN = Path(__file__).resolve().parents[2] / "run"

# Notes its arguments, waits as long as there is a file `hold`, and fails when there is a file `fail`.
UV = """#!/bin/sh
echo "$*" >> '{notes}/asked'
while [ -e '{notes}/hold' ]; do sleep 0.02; done
if [ -e '{notes}/fail' ]; then echo 'error: tcp connect error'; exit 2; fi
"""
SHOW = "import os, sys; print(os.getpid(), os.getcwd(), *sys.argv[1:], sep='|'); sys.exit(7)"


class Checkout:
    """A checkout in a folder with a space in its name, whose command `check` shows how it was called."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        self.notes = folder / "notes"
        self.venv = self.root / ".venv"
        for path in (self.root / "tools", self.root / "clients" / "python", self.notes, folder / "bin"):
            path.mkdir(parents=True)
        shutil.copy(RUN, self.root)
        for name in ("requirements.lock", "pyproject.toml", "clients/python/pyproject.toml"):
            (self.root / name).touch()
        (self.root / "tools" / "check.py").write_text(SHOW)
        (folder / "bin" / "uv").write_text(UV.format(notes=self.notes))
        (folder / "bin" / "uv").chmod(0o755)
        self.path = f"{folder / 'bin'}:/usr/bin:/bin"

    def start(self, *words: str, script: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, script or self.root / "run", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.notes,
            env={"PATH": self.path, "HOME": str(self.notes)} | environment,
            start_new_session=True,
        )

    def run(self, *words: str, script: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, script=script, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def asked(self) -> list[str]:
        """Return the commands that uv was asked for."""
        notes = self.notes / "asked"
        return [line.split()[1] for line in notes.read_text().splitlines()] if notes.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    """Give a checkout that is set up, with a mark in its environment that a new one would not have."""
    assert checkout.run("check").returncode == 7
    (checkout.venv / "mark").touch()
    (checkout.notes / "asked").unlink()
    return checkout


def test_the_first_command_sets_up_and_says_so(checkout: Checkout) -> None:
    result = checkout.run("check")
    assert "setting up .venv for the first time" in result.stderr
    assert checkout.asked() == ["sync", "install"]
    assert "--require-hashes" in (checkout.notes / "asked").read_text()


def test_nothing_is_set_up_when_nothing_changed(ready: Checkout) -> None:
    assert ready.run("check").stderr == ""
    assert ready.asked() == []


def test_a_command_gets_its_arguments_and_keeps_its_exit_status(ready: Checkout) -> None:
    result = ready.run("check", "one", "two words")
    assert result.returncode == 7
    assert result.stdout.strip().split("|")[1:] == [str(ready.root), "one", "two words"]


def test_a_command_takes_the_place_of_the_script_so_that_signals_reach_it(ready: Checkout) -> None:
    process = ready.start("check")
    out, _ = process.communicate(timeout=60)
    assert out.split("|")[0] == str(process.pid)


def test_a_link_to_the_script_runs_the_checkout_that_it_leads_to(ready: Checkout) -> None:
    link = ready.notes / "link"
    link.symlink_to(ready.root / "run")
    assert ready.run("check", script=link).stdout.split("|")[1].strip() == str(ready.root)


def test_a_path_means_what_it_meant_to_the_caller(ready: Checkout) -> None:
    package = ready.notes / "reports_dev"
    package.mkdir()
    (package / "__main__.py").write_text(SHOW)
    (ready.notes / "report.txt").touch()
    words = ["report.txt", "../letters", "--keep", "-", "/absolute"]
    result = ready.run("demo", *words, PYTHONPATH=str(ready.notes))
    expected = [f"{ready.notes}/report.txt", f"{ready.notes}/../letters", "--keep", "-", "/absolute"]
    assert result.stdout.strip().split("|")[2:] == ["demo", *expected]


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "clients/python/pyproject.toml"])
def test_a_changed_input_renews_the_packages_in_place(ready: Checkout, name: str) -> None:
    (ready.root / name).write_text("# changed\n")
    assert "updating .venv" in ready.run("check").stderr
    assert ready.asked() == ["sync", "install"]
    assert (ready.venv / "mark").exists()


def test_a_moved_checkout_gets_a_new_environment(ready: Checkout) -> None:
    ready.root = ready.root.rename(ready.root.with_name("moved check out"))
    assert "setting up .venv again" in ready.run("check").stderr
    assert not (ready.root / ".venv" / "mark").exists()


def test_an_environment_whose_python_is_gone_is_made_again(ready: Checkout) -> None:
    (ready.venv / "bin" / "python").unlink()
    assert ready.run("check").returncode == 7
    assert not (ready.venv / "mark").exists()


def test_an_interrupted_set_up_begins_again(checkout: Checkout) -> None:
    hold = checkout.notes / "hold"
    hold.touch()
    process = checkout.start("check")
    eventually(checkout.asked, 30, "the start of uv")
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "begins the set-up again" in err
    assert "Traceback" not in err
    hold.unlink()
    assert checkout.run("check").returncode == 7
    assert checkout.asked() == ["sync", "sync", "install"]


def test_a_killed_set_up_is_waited_for_and_begins_again(checkout: Checkout) -> None:
    hold = checkout.notes / "hold"
    hold.touch()
    with checkout.start("check") as first:
        eventually(checkout.asked, 30, "the start of uv")
        first.kill()
        second = checkout.start("check")
        assert second.stderr is not None
        assert "waiting for another ./run" in second.stderr.readline()
        hold.unlink()
        second.communicate(timeout=60)
    assert second.returncode == 7
    assert checkout.asked() == ["sync", "sync", "install"]


def test_two_at_once_set_up_once(checkout: Checkout) -> None:
    hold = checkout.notes / "hold"
    hold.touch()
    first = checkout.start("check")
    eventually(checkout.asked, 30, "the start of uv")
    second = checkout.start("check")
    assert second.stderr is not None
    assert "waiting for another ./run" in second.stderr.readline()
    hold.unlink()
    for process in (first, second):
        process.communicate(timeout=60)
        assert process.returncode == 7
    assert checkout.asked() == ["sync", "install"]


def test_a_failed_set_up_shows_the_end_of_the_output_and_a_remedy(checkout: Checkout) -> None:
    (checkout.notes / "fail").touch()
    (checkout.root / "requirements.lock").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    result = checkout.run("check", PIP_NO_INDEX="1", PIP_CONFIG_FILE="/dev/null")
    assert result.returncode == 1
    assert "error: tcp connect error\nrun: uv failed; trying pip" in result.stderr
    assert "ERROR: No matching distribution found for no-such-package==1.0" in result.stderr
    assert result.stderr.endswith("PIP_INDEX_URL or UV_INDEX_URL for a mirror.\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_checkout_of_somebody_else_is_refused_with_a_remedy(checkout: Checkout) -> None:
    checkout.root.chmod(0o555)
    result = checkout.run("check")
    checkout.root.chmod(0o755)
    assert result.returncode == 1
    assert "run this as the owner of the checkout" in result.stderr


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["-h"]])
def test_help_lists_every_command_without_a_set_up(checkout: Checkout, words: list[str]) -> None:
    result = checkout.run(*words)
    assert result.returncode == 0
    listed = [line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")]
    assert listed == ["demo", "up", "test", "check", "generate", "bench", "fuzz", "help"]
    assert not checkout.venv.exists()


def test_an_unknown_command_is_refused_with_the_help(checkout: Checkout) -> None:
    result = checkout.run("deploy")
    assert result.returncode == 2
    assert "no command 'deploy'" in result.stderr
    assert "usage: ./run COMMAND" in result.stderr
    assert not checkout.venv.exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["-n", "auto"]),
        (["tests/unit", "-x"], ["-n", "auto", "tests/unit", "-x"]),
        (["-n0"], ["-n0"]),
        (["--pdb"], ["--pdb"]),
        (["-p", "no:xdist"], ["-p", "no:xdist"]),
    ],
)
def test_tests_run_in_parallel_unless_the_caller_chooses(
    ready: Checkout, words: list[str], expected: list[str]
) -> None:
    package = ready.notes / "pytest"
    package.mkdir()
    (package / "__main__.py").write_text(SHOW)
    result = ready.run("test", *words, PYTHONPATH=str(ready.notes))
    assert result.stdout.strip().split("|")[2:] == expected


def test_an_old_python_can_read_the_script() -> None:
    # The lowest that `ast` knows; up to the check of the version nothing may be evaluated that came later, either.
    ast.parse(RUN.read_text(), feature_version=(3, 7))


def run_as_python_3_8(path: Path) -> subprocess.CompletedProcess[str]:
    pretend = (
        "import runpy, sys; del sys.argv[0]; sys.version_info = (3, 8, 18); runpy.run_path(sys.argv[0], {}, '__main__')"
    )
    command = [sys.executable, "-c", pretend, str(RUN), "help"]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": str(path)}, check=False, timeout=60)


def test_an_old_python_is_refused_with_its_version(tmp_path: Path) -> None:
    result = run_as_python_3_8(tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("FNA Reports needs Python 3.11 or newer. This is Python ")
    assert "Traceback" not in result.stderr


def test_an_old_python_goes_on_with_a_newer_one_that_works(tmp_path: Path) -> None:
    leads_nowhere = tmp_path / "python3.14"
    leads_nowhere.write_text("#!/bin/sh\nexit 127\n")
    leads_nowhere.chmod(0o755)
    # Started as `python3.11 RUN help`, where the version is the real one again.
    (tmp_path / "python3.11").symlink_to(sys.executable)
    result = run_as_python_3_8(tmp_path)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: ./run COMMAND")
