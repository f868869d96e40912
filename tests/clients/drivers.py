"""The drivers of all clients, and one that runs."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.stack import ROOT, python_path
from tools import toolchains

Json = dict[str, Any]

_SECONDS = 60.0
"""Longest wait for an answer, which a driver under load may take."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A client and how its driver is started; `rest` when it speaks to the gateway."""

    name: str
    command: Callable[[], Sequence[str]]
    rest: bool = False


def _python(*options: str) -> Callable[[], Sequence[str]]:
    return lambda: [sys.executable, "-m", "tests.clients.driver", *options]


def _go() -> Sequence[str]:
    return [str(toolchains.go_program(ROOT / "clients" / "go", "./internal/conformance"))]


def _typescript() -> Sequence[str]:
    driver = toolchains.typescript_build() / "conformance" / "driver.js"
    node = shutil.which("node", path=toolchains.environment()["PATH"])
    assert node
    return [node, str(driver)]


KINDS = (
    Kind("python", _python()),
    Kind("python-async", _python("--asynchronous")),
    Kind("go", _go),
    Kind("typescript-node", _typescript),
    Kind("typescript-sse", _typescript, rest=True),
    Kind("typescript-browser", lambda: [sys.executable, "-m", "tests.clients.browser"], rest=True),
)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FNA_REPORTS_")}


@dataclass
class Call:
    """A call that was begun, and all that came of it so far."""

    identifier: int
    name: str
    events: list[Json] = field(default_factory=list)
    interruptions: list[Json] = field(default_factory=list)
    result: Json | None = None
    error: Json | None = None
    done: bool = False

    @property
    def over(self) -> bool:
        return self.done or self.result is not None or self.error is not None


class Driver:
    """A driver that runs while it is entered."""

    def __init__(self, kind: Kind, address: str, log: Path, options: Mapping[str, float]) -> None:
        words = [
            str(word)
            for name, value in options.items()
            for word in (f"--{name.removesuffix('_seconds').replace('_', '-')}", value)
        ]
        self._command = [*kind.command(), f"http://{address}" if kind.rest else address, *words]
        self._log = log
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._changed = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=_environment() | {"PYTHONPATH": python_path()},
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            status = self._process.wait(20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            status = self._process.wait(20)
        self._reader.join(20)
        self._process.stdout.close()
        if error is None:
            assert status == 0, f"the driver ended with {status}:\n{self._log.read_text()}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> Self:
        """Wait until the driver answers: what happens then to the network happens to its client, not to its start."""
        call = self.begin("nothing", {})
        self.wait(lambda: call.over, "the first answer")
        assert call.error, f"an unknown call returned {call.result}"
        assert call.error["code"] == "UNIMPLEMENTED", call.error
        return self

    def begin(self, name: str, arguments: Json) -> Call:
        call = Call(next(self._numbers), name)
        self._calls[call.identifier] = call
        assert self._process.stdin is not None
        line = {"id": call.identifier, "call": name, "arguments": arguments}
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return call

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = _SECONDS) -> None:
        """Wait until the condition holds for what came; fails the test with the driver's log when it never does."""
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._ended, seconds)
            if not condition():
                ended = "the driver has ended" if self._ended else f"not within {seconds:g} s"
                raise AssertionError(f"{what}: {ended}; {self._said()}\n{self._log.read_text()}")

    def _said(self) -> str:
        return "; ".join(
            f"{call.name}: {len(call.events)} events, {call.interruptions}, {call.result=}, {call.error=}, {call.done=}"
            for call in self._calls.values()
        )

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            with self._changed:
                self._take(self._calls[answer["id"]], answer)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, call: Call, answer: Json) -> None:
        assert not call.over, f"something came after the end of {call.name}: {answer}"
        match answer:
            case {"event": event}:
                call.events.append(event)
            case {"interrupted": error}:
                call.interruptions.append(error)
            case {"result": result}:
                call.result = result
            case {"error": error}:
                call.error = error
            case {"done": True}:
                call.done = True
            case _:
                raise AssertionError(f"no answer of a driver: {answer}")
