"""Runs commands for a parent and ends them once that parent is gone, however it went.

A script of its own, started by `guard.py`: `python -I -S guardian.py REPORT_FD [FOLDER]`. Standard input is the
lifeline. The parent writes one line of JSON (the fields of `Work`) and then holds the pipe open. The kernel closes it
even after SIGKILL, and its end means: stop the running command, remove FOLDER. The process id of every command is
written to REPORT_FD, and the exit status is that of the last command, death by signal included.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

_COULD_NOT_START = 127
_PR_SET_PDEATHSIG = 1
_REMOVAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Work:
    """What the parent asks for: commands that run one after another until one fails."""

    commands: list[list[str]]
    # Signals for the running command, each with the seconds that it has to end; SIGKILL for its group follows.
    stop: list[tuple[int, float]]
    folder: str
    # Numeric user and group to run as; None keeps those of the parent.
    user: int | None
    group: int | None


class Lifeline:
    """The pipe from the parent, and the signals that interrupt waiting for it."""

    def __init__(self) -> None:
        self._cut = False
        self._wakeup, wakeup_write = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wakeup_write, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._cut_by_signal)

    def read_work(self) -> Work | None:
        line = sys.stdin.buffer.readline()
        return Work(**json.loads(line)) if line.endswith(b"\n") else None

    def wait_for_cut(self) -> bool:
        """Wait for any signal or for the parent's end, and say whether the work is to stop."""
        ready, _, _ = select.select([0, self._wakeup], [], [])
        self._drain_wakeups()
        if 0 in ready and os.read(0, 1) == b"":
            self._cut = True
        return self._cut

    def wait_for_signal(self, seconds: float) -> None:
        select.select([self._wakeup], [], [], seconds)
        self._drain_wakeups()

    def _drain_wakeups(self) -> None:
        with contextlib.suppress(BlockingIOError):  # nothing was waiting
            os.read(self._wakeup, 4096)

    def _cut_by_signal(self, *_: object) -> None:
        self._cut = True


def run_all(work: Work, lifeline: Lifeline, report_fd: int) -> int:
    """Run the commands in order and return the status of the last one that ran."""
    status = 0
    for command in work.commands:
        try:
            child = _start(command, work)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"cannot start {command[0]}: {error}", file=sys.stderr)
            return _COULD_NOT_START
        _report(child.pid, report_fd)
        cut = _run_to_its_end(child, work, lifeline)
        status = child.returncode
        if cut or status != 0:
            break
    return status


def _start(command: list[str], work: Work) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        cwd=work.folder,
        user=work.user,
        group=work.group,
        extra_groups=None if work.user is None else (),
        umask=-1 if work.user is None else 0o077,
        process_group=0,
        preexec_fn=_end_with_guardian(work.stop[0][0]),  # noqa: PLW1509 - there are no threads here
    )


def _end_with_guardian(number: int) -> Callable[[], None] | None:
    """Make Linux signal the child when the guardian itself is killed; elsewhere only the lifeline protects."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    guardian = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != guardian:
            os._exit(_COULD_NOT_START)

    return in_child


def _report(pid: int, report_fd: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone; the lifeline says so next
        os.write(report_fd, f"{pid}\n".encode())


def _run_to_its_end(child: subprocess.Popen[bytes], work: Work, lifeline: Lifeline) -> bool:
    """Wait for the child, end its whole group, and say whether the lifeline was cut before that."""
    cut = False
    while child.poll() is None and not cut:
        cut = lifeline.wait_for_cut()
    if cut:
        _stop(child, work.stop, lifeline)
    # The group may be empty; macOS says PermissionError for one that has only a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    return cut


def _stop(child: subprocess.Popen[bytes], plan: list[tuple[int, float]], lifeline: Lifeline) -> None:
    for number, seconds in plan:
        child.send_signal(number)
        deadline = time.monotonic() + seconds
        while child.poll() is None and time.monotonic() < deadline:
            lifeline.wait_for_signal(max(0.0, deadline - time.monotonic()))
        if child.returncode is not None:
            return


def _remove(folder: str) -> None:
    """Remove the folder, again while a straggler still writes into it."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder) or time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _exit_like(status: int) -> None:
    """Exit with the status of the command; when a signal killed it, die of the same one, without a core of our own."""
    if status >= 0:
        sys.exit(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)


def main() -> None:
    """Run the parent's work, then remove the folder."""
    report_fd = int(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    lifeline = Lifeline()
    work = lifeline.read_work()
    status = run_all(work, lifeline, report_fd) if work else 0
    if folder:
        _remove(folder)
    _exit_like(status)


if __name__ == "__main__":
    main()
