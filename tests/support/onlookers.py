"""All who watch the batches of one label: what they are told is compared with what is stored."""

from __future__ import annotations

from collections.abc import Sequence

from reports_core.storage.records import Batch
from reports_server import mapping
from tests.support.finality import Journal
from tests.support.folding import View
from tests.support.lives import LABEL, Lives
from tests.support.loop_thread import LoopThread
from tests.support.server import Client
from tests.support.watchers import BatchWatcher, Begin, StreamWatcher

# An execution ends a watch of a batch; so do, once, a compaction and a limit on what is taken.
_MOST_CALLS = 50


class Onlookers:
    """The watchers of batches and of streams, each call at any of several servers."""

    def __init__(self, lives: Lives, journal: Journal, loop: LoopThread, clients: Sequence[Client]) -> None:
        self._lives = lives
        self._store = lives.store
        self._journal = journal
        self._loop = loop
        self._clients = clients
        self._watchers: list[BatchWatcher] = []
        self._streams: list[StreamWatcher] = []
        self._untold: dict[StreamWatcher, dict[str, int]] = {}
        self._horizon = self._compacted_xact()

    def watch(self, batch: Batch, begin: Begin, *, server: int, most: int | None) -> None:
        """Add a watcher of a batch."""
        watcher = BatchWatcher(str(batch.batch_id), begin)
        self._watchers.append(watcher)
        self._start(watcher, server, most)

    def join(self, batch: Batch, begin: Begin, *, server: int) -> None:
        """Have somebody call again who was cut off and knows where that was, or else add a watcher of a batch."""
        for stream in self._streams:
            if stream.begun and not stream.running and not stream.refused:
                return self._start_stream(stream, server)
        for watcher in self._watchers:
            if not watcher.running and not watcher.refused:
                return self._start(watcher, server)
        return self.watch(batch, begin, server=server, most=None)

    def watch_all(self, *, server: int, most: int | None) -> None:
        """Add a watcher of all batches."""
        stream = StreamWatcher(LABEL, self._lives.label)
        self._streams.append(stream)
        self._start_stream(stream, server, most)

    def cut(self, which: int) -> None:
        """Cut one of them off, wherever it is."""
        self._loop.do(self._chosen(which).cut())

    def resume(self, which: int, *, server: int, most: int | None) -> None:
        """Have one of them call again."""
        watcher = self._chosen(which)
        if isinstance(watcher, BatchWatcher) and not watcher.running:
            self._start(watcher, server, most)
        if isinstance(watcher, StreamWatcher) and not watcher.running:
            self._start_stream(watcher, server, most)

    def leave(self) -> None:
        """Cut all of them off."""
        for watcher in [*self._watchers, *self._streams]:
            self._loop.do(watcher.cut())

    def require_told(self) -> None:
        """Require that everybody, called again where need be, is told all that is stored, and as it is stored."""
        self._lives.announce()
        stored = {str(batch.batch_id): self._stored(batch) for batch in self._lives.batches}
        for watcher in self._watchers:
            self._require_watcher(watcher, stored[watcher.batch_id])
        for stream in self._streams:
            self._require_stream(stream, stored)
        self._journal.read(self._lives.batches)
        for each in [*self._watchers, *self._streams]:
            self._journal.require_told(each.events)

    def require_history(self) -> None:
        """Require that the history of every batch leads to what is stored."""
        for batch in self._lives.batches:
            view = View()
            for event in self._journal.of(batch.batch_id):
                view.take(event)
            view.require_same(self._stored(batch))

    def require_replays(self) -> None:
        """Require that a watch of each execution that is over ends with it, and tells all that is not compacted."""
        ended = """
            SELECT e.batch_id, e.task_id, e.final_sequence, b.oldest_sequence - 1
            FROM batch_executions e JOIN batches b USING (batch_id) WHERE e.final_sequence >= b.oldest_sequence
        """
        for batch_id, task_id, final, before in self._store.rows(ended):
            watch = self._clients[0].watch(batch_id, task_id=str(task_id), after_sequence=before)
            assert self._loop.do(watch) == self._journal.of(batch_id)[before:final]

    def _chosen(self, which: int) -> BatchWatcher | StreamWatcher:
        everybody: list[BatchWatcher | StreamWatcher] = [*self._watchers, *self._streams]
        return everybody[which % len(everybody)]

    def _start(self, watcher: BatchWatcher, server: int, most: int | None = None) -> None:
        if watcher.refused:
            assert watcher.refused == "SEQUENCE_COMPACTED"
            oldest = self._store.value(
                "SELECT oldest_sequence FROM batches WHERE batch_id = :batch_id", batch_id=watcher.batch_id
            )
            assert watcher.view.sequence + 1 < oldest
            watcher.begin_anew()
        self._loop.do(watcher.start(self._clients[server % len(self._clients)], most))

    def _start_stream(self, stream: StreamWatcher, server: int, most: int | None = None) -> None:
        if stream.refused:
            assert stream.refused == "RESUME_TOKEN_EXPIRED"
            assert self._compacted_xact() > self._horizon, "a token expired although nothing was compacted"
        if stream.refused or not stream.begun:
            stream.begin_anew()
            self._untold[stream] = {
                str(batch.batch_id): batch.last_sequence
                for batch in map(self._store.batch, self._lives.batches)
                if batch.status.final
            }
        self._loop.do(stream.start(self._clients[server % len(self._clients)], most))
        # Else it would be open which of the batches that end meanwhile it is told of.
        self._loop.do(stream.reached({}))

    def _require_watcher(self, watcher: BatchWatcher, stored: View) -> None:
        for server in range(_MOST_CALLS):
            if not watcher.running and (watcher.refused or watcher.view.sequence < stored.sequence):
                self._start(watcher, server)
            self._loop.do(watcher.reached(stored.sequence))
            if watcher.view.sequence == stored.sequence:
                break
        if stored.final:
            self._loop.do(watcher.ended())
        watcher.view.require_same(stored)

    def _require_stream(self, stream: StreamWatcher, stored: dict[str, View]) -> None:
        for server in range(_MOST_CALLS):
            if not stream.running:
                self._start_stream(stream, server)
            untold = self._untold[stream]
            wanted = {
                batch_id: view.sequence for batch_id, view in stored.items() if untold.get(batch_id) != view.sequence
            }
            self._loop.do(stream.reached(wanted))
            if stream.running:
                break
        assert stream.views.keys() == wanted.keys()
        for batch_id, view in stream.views.items():
            view.require_same(stored[batch_id])

    def _compacted_xact(self) -> int:
        """Return the newest transaction whose events may be gone."""
        return int(self._store.value("SELECT compacted_xact::text FROM event_horizon"))

    def _stored(self, batch: Batch) -> View:
        now = self._store.batch(batch)
        return View.of(mapping.batch_message(now), map(mapping.item_message, self._store.items(now)))
