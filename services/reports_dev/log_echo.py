"""Shows the log files of processes while they grow."""

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

_POLL_SECONDS = 0.1


class LogEcho:
    """Prints what is added to log files while it is entered, every line after the name of its process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._positions: dict[Path, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo of logs", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def follow(self, log: Path) -> None:
        """Print this file too, from its beginning; it need not be there yet."""
        self._positions[log] = 0

    def _run(self) -> None:
        # Whoever read our output has had enough: the main thread meets that too, and ends.
        with contextlib.suppress(BrokenPipeError):
            while not self._over.wait(_POLL_SECONDS):
                self._print_new()
            self._print_new()

    def _print_new(self) -> None:
        for log, position in list(self._positions.items()):
            if not log.exists():
                continue
            with log.open("rb") as file:
                # Smaller: it was emptied for another run of its process.
                start = file.seek(0 if log.stat().st_size < position else position)
                whole = file.read().rpartition(b"\n")[0]
            self._positions[log] = start + len(whole) + bool(whole)
            for line in whole.decode(errors="replace").splitlines():
                self._stream.write(f"{log.stem:<7} | {line}\n")
        self._stream.flush()
