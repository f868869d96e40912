"""Where the output of a process goes: into a file, whose end is remembered for error messages."""

from pathlib import Path
from typing import IO

from reports_dev.log import Log


class FileOutput:
    """Output in a file, emptied first."""

    def __init__(self, path: Path) -> None:
        self._log = Log(path)
        self._final_tail: str | None = None

    @property
    def file(self) -> IO[bytes]:
        """What the process writes to."""
        return self._log.file

    def tail(self) -> str:
        """Return the last lines, indented, each after a line break; empty when there are none."""
        return self._log.tail() if self._final_tail is None else self._final_tail

    def close(self) -> None:
        """Let go of the file after the process has ended; `tail` still answers."""
        if self._final_tail is None:
            self._final_tail = self._log.tail()
            self._log.close()
