"""The process that analyses what it is sent, within limits: documents on standard input, a line of JSON about each."""

from __future__ import annotations

import json
import struct
import sys
import time

from reports_worker.analyser.limits import Limits, confine, forget_peak_memory, peak_memory
from reports_worker.processor import DocumentError
from reports_worker.processors import analyse

LENGTH = struct.Struct(">I")
REPORT_TYPES = ("10_K", "10_Q", "8_K", "ANNUAL", "OTHER")


def main() -> None:
    """Analyse documents until there are no more."""
    confine(Limits())
    while length := sys.stdin.buffer.read(LENGTH.size):
        content = sys.stdin.buffer.read(LENGTH.unpack(length)[0])
        forget_peak_memory()
        started = time.perf_counter()
        outcome = _outcome(content)
        seconds = time.perf_counter() - started
        print(json.dumps({"outcome": outcome, "seconds": seconds, "peak_bytes": peak_memory()}), flush=True)


def _outcome(content: bytes) -> str:
    """Return `ANALYSED`, the reason why not, or for what should not happen the error's name in lower case."""
    try:
        analyse(content, REPORT_TYPES[len(content) % len(REPORT_TYPES)], lambda step, fraction: None)
    except DocumentError as error:
        return error.reason
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return f"raised {type(error).__name__}: {error}"[:300]
    return "ANALYSED"


if __name__ == "__main__":
    main()
