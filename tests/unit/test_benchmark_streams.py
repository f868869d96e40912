"""What the benchmark of streams makes of its samples."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest

from benchmarks.streams import deliveries
from benchmarks.streams.arrivals import evenly, poisson
from benchmarks.streams.deliveries import Delivery, OutOfOrder
from benchmarks.streams.figures import Figure, event_bytes, latencies, lateness
from benchmarks.streams.seen import Reading, Seen
from benchmarks.streams.writer import Change
from benchmarks.streams.writers import Completion, committed
from fna.reports.v1.batch_pb2 import Batch, BatchEvent, BatchItem, BatchItemChanged, BatchItemProgress, Heartbeat
from fna.reports.v1.batch_status_service_pb2 import WatchBatchResponse

MILLISECOND = 1_000_000
SECOND = 1_000_000_000


def changed(sequence: int, position: int = 0) -> BatchEvent:
    return BatchEvent(sequence=sequence, item_changed=BatchItemChanged(item=BatchItem(position=position)))


def progress(sequence: int) -> BatchEvent:
    return BatchEvent(sequence=sequence, progress=BatchItemProgress(fraction=0.5))


def message(*events: BatchEvent) -> bytes:
    return WatchBatchResponse(events=events).SerializeToString()


def seen(*events: BatchEvent) -> Reading:
    watcher = Seen(4)
    watcher.take(events)
    return watcher.reading()


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("", 1.4, at_most=1.4), True),
        (Figure("", 1.41, at_most=1.4), False),
        (Figure("", 0.0, at_most=0), True),
        (Figure("", 0.9, at_least=0.9), True),
        (Figure("", 0.89, at_least=0.9), False),
        (Figure("", 5.0), None),
    ],
)
def test_a_target_is_met_up_to_its_limit(figure: Figure, met: bool | None) -> None:
    assert figure.met is met


def test_each_event_of_a_message_takes_from_its_commit_to_each_arrival() -> None:
    delivery = Delivery(3, 4, 200, array("q", [10 * MILLISECOND, 12 * MILLISECOND]))
    assert latencies([delivery], {3: 4 * MILLISECOND, 4: 9 * MILLISECOND}) == [6.0, 8.0, 1.0, 3.0]


def test_events_of_the_warm_up_have_no_latency() -> None:
    warm_up, measured = Delivery(1, 2, 200, array("q", [1])), Delivery(3, 3, 100, array("q", [5 * MILLISECOND]))
    assert latencies([warm_up, measured], {3: 2 * MILLISECOND}) == [3.0]


def test_the_size_of_an_event_is_its_share_of_its_message() -> None:
    assert event_bytes([Delivery(1, 1, 100), Delivery(2, 4, 260)]) == 90.0


def test_a_heartbeat_is_late_by_what_the_silence_exceeds_the_interval() -> None:
    assert lateness([15 * SECOND, 16 * SECOND], [], 15) == [0.0, 1.0]


def test_a_heartbeat_that_never_came_is_late_too() -> None:
    assert lateness([15 * SECOND], [3 * SECOND, 17 * SECOND], 15) == [0.0, 2.0]


def test_times_of_events_are_the_same_for_the_same_seed() -> None:
    assert poisson(20, 30, seed=1) == poisson(20, 30, seed=1) != poisson(20, 30, seed=2)


def test_times_of_events_come_at_their_rate_within_their_time() -> None:
    times = poisson(20, 1000, seed=1)
    assert len(times) == pytest.approx(20_000, rel=0.05)
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] < 1000
    assert evenly(4, 1) == [0.0, 0.25, 0.5, 0.75]


def test_whoever_knows_first_of_a_transaction_says_when_it_was_committed() -> None:
    changes = [Change(position=0, committed_at=70), Change(position=1, committed_at=50), Change(2, 90)]
    completions = [Completion(11, 0, "7"), Completion(12, 1, "7"), Completion(13, 2, "8")]
    assert committed(changes, completions) == {11: 50, 12: 50, 13: 90}


def test_what_was_finished_earlier_is_not_counted_again() -> None:
    assert committed([Change(5, 30)], [Completion(11, 4, "7"), Completion(12, 5, "8")]) == {12: 30}


def test_a_message_delivers_its_stored_events() -> None:
    delivery = deliveries.read(message(changed(5), changed(6), progress(6)))
    assert isinstance(delivery, Delivery)
    assert (delivery.first, delivery.last) == (5, 6)


@pytest.mark.parametrize(
    "event",
    [progress(7), BatchEvent(sequence=7, heartbeat=Heartbeat()), BatchEvent(sequence=7, snapshot=Batch())],
)
def test_what_is_not_stored_repeats_a_sequence(event: BatchEvent) -> None:
    assert deliveries.read(message(event)) == 7


def test_a_message_whose_events_leave_one_out_is_refused() -> None:
    with pytest.raises(OutOfOrder):
        deliveries.read(message(changed(5), changed(7)))


def test_watchers_that_saw_the_same_are_equal_whatever_progress_came_between() -> None:
    assert seen(changed(5), progress(5), changed(6)).equals(seen(changed(5), changed(6)))


@pytest.mark.parametrize(
    "events",
    [
        [changed(5), changed(6, position=1)],
        [changed(5)],
        [changed(6)],
        [changed(5), changed(5), changed(6)],
        [changed(6), changed(5), changed(6)],
    ],
)
def test_watchers_differ_that_saw_another_event_or_one_less_or_twice_or_out_of_order(events: list[BatchEvent]) -> None:
    assert not seen(*events).equals(seen(changed(5), changed(6)))
