"""Starts the command `fna-reports`, and ends it on Ctrl-C.

It stands outside of `fna.reports`, whose import takes most of the time of a short command: signals are in order before.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # Each import is time in which Ctrl-C is answered with a traceback.
    from collections.abc import Callable
    from types import FrameType

_SHOW_CURSOR = b"\x1b[?25h"


class Ending:
    """Ends the process on SIGINT or SIGTERM, at once and from wherever it is; `last_words` returns what to say then.

    Python's own way is to raise KeyboardInterrupt between any two instructions. Where grpc has just taken a lock, or
    given it back, that leaves the lock taken for ever, or breaks the `with` around it: the process hangs, or ends with
    the wrong error. A process that is gone has nothing to undo, and the service notices by itself.
    """

    def __init__(self) -> None:
        self.last_words: Callable[[], str] = str

    def install(self) -> None:
        """Take over the signals, but for those that whoever started the process has ignored, as `nohup` does."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        try:
            signal.signal(number, signal.SIG_IGN)
            words = self.last_words()
            if os.isatty(1) and os.environ.get("TERM") != "dumb":
                os.write(1, _SHOW_CURSOR)  # The live display hides it.
            if os.isatty(2):
                os.write(2, b"\n")  # After the ^C, or the last line of the display.
            os.write(2, f"{words}\n".encode() if words else b"")
        finally:
            os._exit(128 + number)


def main() -> int:
    """Run the command with the arguments of the process and return its exit code."""
    ending = Ending()
    ending.install()
    _open_standard_streams()
    from fna.reports.cli.command import main as run  # noqa: PLC0415  # it takes its time

    return run(ending=ending)


def _open_standard_streams() -> None:
    """Give the process the standard streams that it was started without, so that no connection takes their numbers.

    Also have what the terminal's character set lacks printed as `?`, rather than end the command.
    """
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest number that is free, which is this one.
            stream = open(number, mode, closefd=False)  # noqa: SIM115  # a descriptor has no path
            setattr(sys, ("stdin", "stdout", "stderr")[number], stream)
    for output in (sys.stdout, sys.stderr):
        output.reconfigure(errors="replace")  # type: ignore[union-attr]  # they are text files, whatever the stub says
