"""Processes of `reports_dev`, on real processes and nothing else."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reports_dev.errors import ProcessError
from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until
from tests.support.waiting import eventually

# Locks a file, which the kernel unlocks at the end of a process whoever reaps it, and has a child do the same.
FAMILY = """
import fcntl, signal, subprocess, sys
signal.signal(signal.SIGTERM, getattr(signal, sys.argv[1]))
if len(sys.argv) > 3:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[4], sys.argv[1], sys.argv[3]], stdout=subprocess.PIPE)
    child.stdout.readline()
lock = open(sys.argv[2], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("ready", flush=True)
while True:
    signal.pause()
"""

PARENT = """
import signal, sys
from pathlib import Path
from reports_dev.output import FileOutput
from reports_dev.processes import Process
with Process("family", sys.argv[2:], output=FileOutput(Path(sys.argv[1])), stop_seconds=0.2):
    signal.pause()
"""


def python(code: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def process(tmp_path: Path, code: str, *arguments: str | Path, stop_seconds: float = 15.0) -> Process:
    output = FileOutput(tmp_path / "output")
    return Process("worker", python(code, *arguments), output=output, stop_seconds=stop_seconds)


def has_printed(tmp_path: Path, text: str) -> bool:
    output = tmp_path / "output"
    return output.exists() and text in output.read_text()


def is_locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_process_is_asked_to_end_and_its_exit_status_returned(tmp_path: Path) -> None:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); print('ready', flush=True); signal.pause()"
    with process(tmp_path, code) as worker:
        wait_until(lambda: has_printed(tmp_path, "ready"), 30, "the start", processes=[worker])
        assert worker.poll() is None
        assert worker.stop() == 3


def test_a_process_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    locks = tmp_path / "parent", tmp_path / "child"
    family = process(tmp_path, FAMILY, "SIG_IGN", *locks, FAMILY, stop_seconds=0.1)
    with family:
        wait_until(lambda: has_printed(tmp_path, "ready"), 30, "the start", processes=[family])
        assert [is_locked(lock) for lock in locks] == [True, True]
        assert family.stop() == -signal.SIGKILL
    eventually(lambda: not any(map(is_locked, locks)), 30, "the end of parent and child")


def test_a_killed_process_takes_its_children_along(tmp_path: Path) -> None:
    locks = tmp_path / "parent", tmp_path / "child"
    with process(tmp_path, FAMILY, "SIG_DFL", *locks, FAMILY) as family:
        wait_until(lambda: has_printed(tmp_path, "ready"), 30, "the start", processes=[family])
        assert family.kill() == -signal.SIGKILL
    eventually(lambda: not any(map(is_locked, locks)), 30, "the end of parent and child")


@pytest.mark.parametrize("on_sigterm", ["SIG_IGN", "SIG_DFL"])
def test_a_process_and_its_children_end_with_a_killed_parent(tmp_path: Path, on_sigterm: str) -> None:
    locks = tmp_path / "parent", tmp_path / "child"
    family = python(FAMILY, on_sigterm, *locks, FAMILY)
    with subprocess.Popen(python(PARENT, tmp_path / "output", *family)) as parent:
        eventually(lambda: has_printed(tmp_path, "ready"), 30, "the start")
        parent.kill()
    eventually(lambda: not any(map(is_locked, locks)), 30, "the end of parent and child")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have nothing for it")
def test_a_process_ends_with_a_killed_guardian(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with process(tmp_path, FAMILY, "SIG_DFL", lock) as worker:
        wait_until(lambda: has_printed(tmp_path, "ready"), 30, "the start", processes=[worker])
        guardian = int(Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(guardian, signal.SIGKILL)
        eventually(lambda: not is_locked(lock), 30, "the end of the process")


def test_a_process_is_out_of_reach_of_ctrl_c_in_the_terminal(tmp_path: Path) -> None:
    with process(tmp_path, "import signal; signal.pause()") as worker:
        assert os.getpgid(worker.pid) == worker.pid
        assert os.getsid(worker.pid) != os.getsid(0)


def test_waiting_ends_with_the_last_output_when_the_process_ends_early(tmp_path: Path) -> None:
    code = "print('DATABASE_URL is not set'); raise SystemExit(4)"
    with (
        process(tmp_path, code) as worker,
        pytest.raises(ProcessError, match=r"worker ended with exit status 4\.\n    DATABASE_URL is not set"),
    ):
        wait_until(lambda: False, 30, "readiness", processes=[worker])


def test_waiting_ends_at_its_deadline_with_what_did_not_happen(tmp_path: Path) -> None:
    with process(tmp_path, "import signal; print('starting', flush=True); signal.pause()") as worker:
        wait_until(lambda: has_printed(tmp_path, "starting"), 30, "the start", processes=[worker])
        with pytest.raises(ProcessError, match=r"readiness did not happen within 0\.1 s\.\n  worker:\n    starting"):
            wait_until(lambda: False, 0.1, "readiness", processes=[worker])


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    worker = Process("worker", ["/no/such/program"], output=FileOutput(tmp_path / "output"))
    with pytest.raises(ProcessError, match=r"worker could not be started\.\n.*/no/such/program"):
        worker.start()


def test_a_process_gets_the_environment_and_the_folder_that_are_meant_for_it(tmp_path: Path) -> None:
    code = "import os; print(os.environ['ANSWER'], os.getcwd())"
    output = FileOutput(tmp_path / "output")
    with Process("worker", python(code), output=output, environment={"ANSWER": "42"}, folder=tmp_path) as worker:
        assert worker.wait(30) == 0
    assert (tmp_path / "output").read_text() == f"42 {tmp_path}\n"
