"""A watch of all batches continues by its token, and hands out no event of a batch twice."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest

from fna.reports import OutOfRangeError, ReportsError, UnavailableError
from fna.reports._interruptions import Interruptions
from fna.reports._watch_batches import BatchesWatch
from fna.reports.v1.batch_pb2 import BATCH_STATUS_PROCESSING, BatchEvent
from fna.reports.v1.batch_status_service_pb2 import BatchFilter, WatchBatchesRequest, WatchBatchesResponse
from tests.unit.client_peer import heartbeat, item_changed, item_progress, sequences, snapshot

FILTER = BatchFilter(statuses=[BATCH_STATUS_PROCESSING])


def watch() -> BatchesWatch:
    return BatchesWatch(WatchBatchesRequest(filter=FILTER), Interruptions(timedelta(seconds=30), None))


def page(token: str, *events: BatchEvent) -> WatchBatchesResponse:
    return WatchBatchesResponse(events=events, resume_token=token)


def of(batch_id: str, event: BatchEvent) -> BatchEvent:
    event.batch_id = batch_id
    return event


def away() -> UnavailableError:
    return UnavailableError("away", code=grpc.StatusCode.UNAVAILABLE)


def expired() -> OutOfRangeError:
    return OutOfRangeError("gone", code=grpc.StatusCode.OUT_OF_RANGE, reason="RESUME_TOKEN_EXPIRED")


def test_it_continues_after_the_last_message() -> None:
    decisions = watch()
    assert decisions.request() == WatchBatchesRequest(filter=FILTER)
    decisions.take(page("a", snapshot(1)))
    decisions.take(page("b", heartbeat(0)))
    decisions.wait_after(away())
    assert decisions.request() == WatchBatchesRequest(filter=FILTER, resume_token="b")


def test_events_that_come_again_are_left_out_and_batches_do_not_mix() -> None:
    decisions = watch()
    first = [of("x", snapshot(3)), of("y", snapshot(7)), of("x", item_changed(4))]
    assert sequences(decisions.take(page("a", *first))) == [3, 7, 4]
    again = [of("x", item_changed(4)), of("y", item_changed(8)), of("x", item_changed(5))]
    assert sequences(decisions.take(page("b", *again))) == [8, 5]
    # A filter leaves events out, so a gap means nothing.
    assert sequences(decisions.take(page("c", of("x", item_changed(9))))) == [9]
    decisions.check()


def test_progress_is_handed_out_and_heartbeats_are_not() -> None:
    decisions = watch()
    decisions.take(page("a", snapshot(3)))
    kinds = [event.WhichOneof("event") for event in decisions.take(page("b", item_progress(3), heartbeat(0)))]
    assert kinds == ["progress"]


def test_a_token_that_is_no_longer_good_starts_it_again_with_snapshots() -> None:
    decisions = watch()
    decisions.take(page("a", snapshot(3), item_changed(4), of("y", item_changed(9))))
    decisions.wait_after(expired())
    assert not decisions.request().resume_token
    # The database may have been restored to a time before what was told of y.
    again = page("b", snapshot(4), item_changed(5), of("y", item_changed(8)))
    assert sequences(decisions.take(again)) == [4, 5, 8]
    decisions.wait_after(away())


def test_the_word_of_the_server_ends_it() -> None:
    with pytest.raises(OutOfRangeError):
        watch().wait_after(expired())
    decisions = watch()
    decisions.take(page("a", snapshot(3)))
    with pytest.raises(ReportsError):
        decisions.wait_after(ReportsError("no", code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="WATCHER_TOO_SLOW"))
