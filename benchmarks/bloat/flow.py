"""A publisher and a consumer, each in a process of its own, with a bounded queue between them."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Self

from benchmarks.bloat.messages import Publisher, consuming

_SPAWN = multiprocessing.get_context("spawn")
_BATCH = 500
_FULL_SECONDS = 0.005
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What the two processes and the observer know of each other."""

    published: Synchronized[int]
    consumed: Synchronized[int]
    stop: Event


Publish = Callable[[Publisher, Shared], None]


class Flow:
    """Messages flow from `publish` to a consumer while the context is entered."""

    def __init__(self, url: str, queue: str, *, prefetch: int, publish: Publish) -> None:
        self._shared = Shared(_SPAWN.Value("q", 0), _SPAWN.Value("q", 0), _SPAWN.Event())
        self._processes = [
            _SPAWN.Process(target=_publish, args=(url, queue, publish, self._shared), daemon=True),
            _SPAWN.Process(target=_consume, args=(url, queue, prefetch, self._shared), daemon=True),
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._shared.stop.set()
        for process in self._processes:
            process.join(_END_SECONDS)
            process.kill()

    @property
    def consumed(self) -> int:
        """How many messages were acknowledged."""
        return self._shared.consumed.value

    @property
    def depth(self) -> int:
        """How many messages are on their way."""
        return self._shared.published.value - self.consumed

    def require_running(self) -> None:
        """Raise RuntimeError when a process has ended; its traceback is on standard error."""
        if not all(process.is_alive() for process in self._processes):
            raise RuntimeError("the publisher or the consumer has ended")


def in_bulk(depth: int) -> Publish:
    """Publish as fast as the consumer lets the queue stay below a depth."""
    return partial(_publish_in_bulk, depth)


def steadily(per_second: int) -> Publish:
    """Publish so many a second."""
    return partial(_publish_steadily, per_second)


def _publish_in_bulk(depth: int, publisher: Publisher, shared: Shared) -> None:
    while not shared.stop.is_set():
        if shared.published.value - shared.consumed.value > depth - _BATCH:
            time.sleep(_FULL_SECONDS)
            continue
        # Counted first: what is on its way counts as depth.
        shared.published.value += _BATCH
        publisher.publish_many(_BATCH)


def _publish_steadily(per_second: int, publisher: Publisher, shared: Shared) -> None:
    started = time.monotonic()
    while not shared.stop.is_set():
        # One at a time while the disk keeps up with a commit for each.
        missing = int((time.monotonic() - started) * per_second) - shared.published.value
        if missing > 0:
            shared.published.value += missing
            publisher.publish_many(missing)
        time.sleep(1 / per_second)


def _end_with_parent() -> None:
    """End this process when the benchmark is killed, which says nothing to its children."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _publish(url: str, queue: str, publish: Publish, shared: Shared) -> None:
    _end_with_parent()
    with Publisher(url, queue) as publisher:
        publish(publisher, shared)


def _consume(url: str, queue: str, prefetch: int, shared: Shared) -> None:
    def count() -> None:
        shared.consumed.value += 1

    _end_with_parent()
    with consuming(url, queue, prefetch=prefetch, on_message=count) as turn:
        while not shared.stop.is_set():
            turn()
