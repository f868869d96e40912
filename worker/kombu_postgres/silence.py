"""Topics that nobody listens to, so that publishing to them costs nothing.

A Celery worker sends a heartbeat every two seconds, and events of its tasks, mostly to nobody.
"""

from __future__ import annotations

import os
import threading


class Silence:
    """What is known of one database in this process, while a consumer on an event loop hears of new bindings."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told = 0
        self._unheard: set[tuple[str, str]] = set()
        self.number = 0
        """Counts how often everything was forgotten."""

    def begin(self) -> None:
        """Note that a consumer of this process hears of new bindings from now on."""
        self.forget()
        with self._lock:
            self._told += 1

    def end(self) -> None:
        """Note that a consumer hears of them no longer."""
        with self._lock:
            self._told -= 1
        self.forget()

    def forget(self) -> None:
        """Forget everything: there is a new binding, or nobody would tell us."""
        with self._lock:
            self._unheard.clear()
            self.number += 1

    def note(self, exchange: str, routing_key: str, number: int) -> None:
        """Note that a topic led nowhere, when that was looked up since `number`, and we are told when it changes."""
        with self._lock:
            if self._told and number == self.number:
                self._unheard.add((exchange, routing_key))

    def reigns(self, exchange: str, routing_key: str) -> bool:
        """Tell whether a topic leads nowhere."""
        return (exchange, routing_key) in self._unheard


_silences: dict[str, Silence] = {}
# The consumers that would tell are the parent's.
os.register_at_fork(after_in_child=_silences.clear)


def silence_of(database: str) -> Silence:
    """Return the silence of one database, by any name that is the same for all its connections of this process."""
    return _silences.setdefault(database, Silence())
