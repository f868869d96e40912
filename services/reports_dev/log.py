"""A file for the output of a process, whose end goes into error messages."""

from pathlib import Path
from types import TracebackType
from typing import IO, Self

_TAIL_LINES = 20
_TAIL_BYTES = 16 * 1024


class Log:
    """An empty file, open for appending; readable here even when somebody has removed it meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(b"")
        # Appending: our reads and the process's writes share one position otherwise.
        self.file: IO[bytes] = path.open("a+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close our handle; the process has its own."""
        self.file.close()

    def tail(self) -> str:
        """Return the last lines, indented, each after a line break; empty when there are none."""
        self.file.seek(max(0, self.file.seek(0, 2) - _TAIL_BYTES))
        lines = self.file.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return indented(lines)


def indented(lines: list[str]) -> str:
    """Lay the lines out as they stand at the end of an error message."""
    return "".join(f"\n    {line}" for line in lines)
