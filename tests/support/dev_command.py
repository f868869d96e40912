"""`./run demo` and `./run up` as processes of a test, with a mark by which all that they start is found again."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import eventually

_MARK = "FNA_REPORTS_TEST_MARK"
_SECONDS = 90.0


class DevCommands:
    """Starts commands in one folder, which is also their temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o755)
        self._mark = secrets.token_hex(8)
        self._started: list[DevCommand] = []

    def start(self, *words: str | Path, **settings: str) -> DevCommand:
        """Start `./run WORDS`, with settings beside those of the test's own."""
        command = DevCommand(self.folder, len(self._started), words, self._environment() | settings)
        self._started.append(command)
        return command

    def run(self, *words: str | Path) -> DevCommand:
        """Start `./run WORDS` and wait for its end."""
        command = self.start(*words)
        command.wait()
        return command

    def nothing_is_left(self) -> None:
        """Wait until no process is left of all that was started; where the system can tell."""
        if sys.platform == "linux":
            eventually(lambda: not self._processes(), 30, f"the end of the processes {self._processes()}")

    def end(self) -> None:
        for command in self._started:
            command.kill()

    def _processes(self) -> list[str]:
        return [environ.parent.name for environ in Path("/proc").glob("[0-9]*/environ") if self._is_ours(environ)]

    def _is_ours(self, environ: Path) -> bool:
        try:
            return f"{_MARK}={self._mark}".encode() in environ.read_bytes()
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            return False

    def _environment(self) -> dict[str, str]:
        foreign = ("FNA_REPORTS_", "DATABASE_URL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        path = os.pathsep.join(path for path in sys.path if path)
        return kept | {"PYTHONPATH": path, "TMPDIR": str(self.temporary), _MARK: self._mark}


class DevCommand:
    """A started command, with what it has printed so far."""

    def __init__(self, folder: Path, number: int, words: tuple[str | Path, ...], environment: dict[str, str]) -> None:
        self._stdout, self._stderr = (folder / f"{number}.{name}" for name in ("stdout", "stderr"))
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reports_dev", *map(str, words)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )

    @property
    def stdout(self) -> str:
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until the text was printed; fails with all output when the command ends before."""
        eventually(lambda: self._has_printed(text) or self._has_ended(), _SECONDS, f"the output of {text!r}")
        assert self._has_printed(text), f"ended with {self._process.poll()}:\n{self.stdout}\n{self.stderr}"

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        return self._process.wait(_SECONDS)

    def end_by(self, number: signal.Signals) -> int:
        """Send the signal, wait for the end and return the exit code."""
        self._process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it as a crash does; harmless when it has ended."""
        self._process.kill()
        self._process.wait(_SECONDS)

    def _has_printed(self, text: str) -> bool:
        return text in self.stdout or text in self.stderr

    def _has_ended(self) -> bool:
        return self._process.poll() is not None


@contextmanager
def dev_commands() -> Iterator[DevCommands]:
    """Yield commands in a folder that every user can enter, which those of pytest are not; end what still runs."""
    folder = Path(tempfile.mkdtemp(prefix="fna test ")).resolve()
    folder.chmod(0o755)
    commands = DevCommands(folder)
    try:
        yield commands
    finally:
        commands.end()
        commands.nothing_is_left()
        shutil.rmtree(folder)
