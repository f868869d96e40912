"""A process of the benchmark with an object in it, whose methods others call."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection as Pipe
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import uvloop

A = TypeVar("A")
T = TypeVar("T")
P = ParamSpec("P")

_SPAWN = multiprocessing.get_context("spawn")
_ANSWER_SECONDS = 600.0
_END_SECONDS = 10.0

# A method of the object and its arguments.
_Job = tuple[Callable[..., Coroutine[Any, Any, object]], tuple[object, ...]]


class ChildError(RuntimeError):
    """The process could not do what it was asked to; the text is its traceback."""


class Child(Generic[A]):
    """The process, with `create(*arguments)` in it, while the context is entered."""

    def __init__(self, create: Callable[..., A], *arguments: object) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_run, args=(theirs, create, arguments), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(_END_SECONDS)
        self._process.kill()

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process.pid is not None, "it was started on entering"
        return self._process.pid

    def ask(self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have the object do something and return what it answers; raises ChildError."""
        return self.begin(method, *args, **kwargs)()

    def begin(
        self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]], *args: P.args, **_kwargs: P.kwargs
    ) -> Callable[[], T]:
        """Have the object do something, and return what waits for its answer. One at a time is under way."""
        self._pipe.send((method, args))
        return self._answer

    def _answer(self) -> Any:
        if not self._pipe.poll(_ANSWER_SECONDS):
            raise ChildError(f"there was no answer within {_ANSWER_SECONDS:g} s")
        try:
            answer, error = self._pipe.recv()
        except EOFError:
            raise ChildError("the process has ended; its last words are on standard error") from None
        if error:
            raise ChildError(error)
        return answer


def _run(pipe: Pipe, create: Callable[..., object], arguments: tuple[object, ...]) -> None:
    # What was imported is never garbage; looking for it there would show in the latencies of whoever watches.
    gc.freeze()
    uvloop.run(_obey(pipe, create, arguments))


async def _obey(pipe: Pipe, create: Callable[..., object], arguments: tuple[object, ...]) -> None:
    jobs: asyncio.Queue[_Job] = asyncio.Queue()
    threading.Thread(target=_receive, args=(pipe, asyncio.get_running_loop(), jobs), daemon=True).start()
    actor = create(*arguments)
    while True:
        method, args = await jobs.get()
        try:
            answer, error = await method(actor, *args), ""
        except Exception:  # noqa: BLE001 - whatever it is, the caller is to know
            answer, error = None, traceback.format_exc()
        pipe.send((answer, error))


def _receive(pipe: Pipe, loop: asyncio.AbstractEventLoop, jobs: asyncio.Queue[_Job]) -> None:
    """Pass on what is asked; end the process, whatever it does, when nobody can ask any more."""
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            os._exit(0)
        loop.call_soon_threadsafe(jobs.put_nowait, job)
