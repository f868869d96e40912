"""Where the output of a process goes: into a file, or through to our own with a prefix."""

import os
import threading
from collections import deque
from pathlib import Path
from typing import IO, Protocol, TextIO

from reports_dev.log import Log, indented

_TAIL_LINES = 20
_READER_SECONDS = 5.0
# Lines of several processes do not mix.
_one_line_at_a_time = threading.Lock()


class Output(Protocol):
    """Takes what a process prints and remembers the end of it."""

    @property
    def file(self) -> IO[bytes]:
        """What the process writes to."""

    def tail(self) -> str:
        """Return the last lines, indented, each after a line break; empty when there are none."""

    def close(self) -> None:
        """Let go of everything after the process has ended; `tail` still answers."""


class FileOutput:
    """Output in a file, emptied first."""

    def __init__(self, path: Path) -> None:
        self._log = Log(path)
        self._final_tail: str | None = None

    @property
    def file(self) -> IO[bytes]:
        return self._log.file

    def tail(self) -> str:
        return self._log.tail() if self._final_tail is None else self._final_tail

    def close(self) -> None:
        if self._final_tail is None:
            self._final_tail = self._log.tail()
            self._log.close()


class PrefixedOutput:
    """Output that goes to a stream of ours, every line after the name of the process."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._prefix = f"{name:<8} | "
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)
        read_fd, write_fd = os.pipe()
        self.file: IO[bytes] = os.fdopen(write_fd, "wb", buffering=0)
        self._reader = threading.Thread(
            target=self._pass_through, args=(read_fd,), name=f"output of {name}", daemon=True
        )
        self._reader.start()

    def tail(self) -> str:
        return indented(list(self._lines))

    def close(self) -> None:
        self.file.close()
        # A process that left its group may still hold the other end: it is not waited for.
        self._reader.join(_READER_SECONDS)

    def _pass_through(self, read_fd: int) -> None:
        with os.fdopen(read_fd, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                text = line.rstrip("\r\n")
                self._lines.append(text)
                with _one_line_at_a_time:
                    self._stream.write(f"{self._prefix}{text}\n")
                    self._stream.flush()
