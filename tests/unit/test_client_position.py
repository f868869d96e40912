"""A position lets every event of a batch pass once, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fna.reports._position import Position
from fna.reports.v1.batch_pb2 import BatchEvent
from tests.unit.client_peer import heartbeat, item_changed, item_progress, sequences, snapshot

HISTORY = [item_changed(sequence) for sequence in range(1, 31)]


@given(
    start=st.integers(0, 30),
    streams=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 30)), max_size=8),
)
def test_however_a_history_is_cut_and_repeated_each_event_passes_once_in_order(
    start: int, streams: list[tuple[int, int]]
) -> None:
    position = Position(start)
    passed: list[BatchEvent] = []
    for overlap, length in [*streams, (0, 30)]:
        assert position.last is not None
        begin = max(position.last - overlap, 0)
        passed += position.take(HISTORY[begin : begin + length])
    assert sequences(passed) == list(range(start + 1, 31))
    assert position.gap is None


def test_the_first_event_without_a_position_is_where_it_starts() -> None:
    position = Position(None)
    assert sequences(position.take([snapshot(7), item_changed(7), item_changed(8)])) == [7, 8]
    assert position.last == 8


def test_nothing_passes_after_a_gap_until_it_is_resumed() -> None:
    position = Position(4)
    assert sequences(position.take([item_changed(5), item_changed(7), item_changed(8)])) == [5]
    assert (position.last, position.gap) == (5, 7)
    assert position.take([item_changed(6)]) == []
    position.resume()
    assert sequences(position.take([item_changed(6), item_changed(7)])) == [6, 7]


def test_progress_passes_whatever_its_sequence_and_moves_nothing() -> None:
    position = Position(4)
    events = [item_progress(4), item_progress(5), item_changed(5), item_progress(9)]
    assert sequences(position.take(events)) == [4, 5, 5, 9]
    assert (position.last, position.gap) == (5, None)


def test_heartbeats_do_not_pass() -> None:
    position = Position(4)
    assert position.take([heartbeat(3), heartbeat(4)]) == []
    assert (position.last, position.gap) == (4, None)


def test_a_heartbeat_that_is_ahead_tells_that_an_event_was_lost() -> None:
    position = Position(4)
    position.take([heartbeat(5)])
    assert (position.last, position.gap) == (4, 5)


def test_without_item_events_sequences_have_gaps_and_heartbeats_move_the_position() -> None:
    position = Position(4, gapless=False)
    assert sequences(position.take([item_changed(9), heartbeat(12), item_changed(11), item_changed(13)])) == [9, 13]
    assert (position.last, position.gap) == (13, None)


def test_a_heartbeat_before_the_snapshot_is_not_a_position() -> None:
    position = Position(None)
    position.take([heartbeat(5)])
    assert position.last is None


def test_a_snapshot_in_the_middle_stands_for_all_that_it_passes_over() -> None:
    position = Position(4)
    assert sequences(position.take([snapshot(4), snapshot(9), item_changed(10)])) == [9, 10]


def test_an_event_of_a_kind_that_is_not_known_counts() -> None:
    position = Position(4)
    assert sequences(position.take([BatchEvent(sequence=5), item_changed(6)])) == [5, 6]


def test_after_a_restart_the_snapshot_says_where_it_is() -> None:
    position = Position(4)
    position.take([item_changed(9)])
    position.restart()
    assert sequences(position.take([snapshot(20), item_changed(21)])) == [20, 21]
