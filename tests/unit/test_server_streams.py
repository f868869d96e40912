"""What watchers share: snapshots, tokens, the pace of fan-outs, and the chunks that are handed out."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports_core.domain.batch import BatchStatus
from reports_core.domain.errors import ResumeTokenInvalid, WatcherTooSlow
from reports_core.storage.batches import BatchFilter
from reports_core.storage.streams import Landmark, Snapshot
from reports_server.audience import Audience
from reports_server.outgoing import WRITE_SECONDS, Outgoing, Writes
from reports_server.pace import BURST_SECONDS, LONGEST_WAIT_SECONDS, PATIENCE_SECONDS, SHARE, Pace
from reports_server.pieces import Piece
from reports_server.repeater import Repeater
from reports_server.resume_token import Reached, ResumeToken, selection_id

BATCH_ID = UUID(int=7)
IDENTITY = "7432109876543210987/00000001/16384"

snapshots = st.builds(
    lambda xmax, below: Snapshot(xmax, frozenset(xact for xact in below if xact < xmax)),
    st.integers(3, 2**40),
    st.frozensets(st.integers(3, 2**40), max_size=60),
)


@given(snapshots)
def test_a_snapshot_is_written_as_postgresql_does(snapshot: Snapshot) -> None:
    assert Snapshot.parse(str(snapshot)) == snapshot


def test_a_snapshot_sees_what_was_over() -> None:
    snapshot = Snapshot.parse("10:20:10,14")
    assert [xact for xact in range(8, 22) if snapshot.sees(xact)] == [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]


@given(snapshots, st.integers(0, 30))
def test_a_shortened_snapshot_sees_less_and_never_more(snapshot: Snapshot, most: int) -> None:
    short = snapshot.shortened(most)
    assert len(short.in_progress) <= most
    assert snapshot.includes(short)
    assert short == snapshot or not short.includes(snapshot)


def test_of_two_snapshots_the_later_one_includes_the_earlier() -> None:
    earlier, later = Snapshot(20, frozenset({10, 14})), Snapshot(25, frozenset({14, 22}))
    assert later.includes(earlier)
    assert not earlier.includes(later)
    assert not Snapshot(20, frozenset({14})).includes(later)
    assert Snapshot(20, frozenset({14})).includes(earlier), "10 has ended, and nothing has begun"


@given(
    snapshots,
    st.none() | st.builds(Landmark, st.integers(1, 2**40), st.text("0123456789abcdef", min_size=12, max_size=12)),
    st.none() | st.uuids() | st.builds(Reached, snapshots, st.uuids(), st.integers(1, 2**40)),
)
def test_a_token_is_read_as_it_was_written_and_never_too_long(
    since: Snapshot, landmark: Landmark | None, place: UUID | Reached | None
) -> None:
    reached, begun = (place, None) if isinstance(place, Reached) else (None, place)
    token = ResumeToken(IDENTITY, selection_id("owner", BatchFilter()), since, landmark, reached, begun).encode()
    assert len(token) <= 1024
    read = ResumeToken.decode(token)
    assert since.includes(read.since)
    assert read.landmark == landmark
    assert read.begun == begun
    if len(since.in_progress) <= 16:
        assert read.since == since
    if reached:
        assert read.reached
        assert (read.reached.batch_id, read.reached.sequence) == (reached.batch_id, reached.sequence)


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: data.decode("latin-1")))
def test_any_other_text_is_no_token(text: str) -> None:
    with pytest.raises(ResumeTokenInvalid):
        ResumeToken.decode(text)


@pytest.mark.parametrize("number", ["1e999", "Infinity", "NaN", str(2**63), "-1", '"7"', "null"])
@pytest.mark.parametrize("field", ["x", "n"])
def test_a_token_with_a_number_that_was_never_issued_is_none(field: str, number: str) -> None:
    def written(**numbers: str) -> str:
        texts = {"i": "i", "f": "f", "s": "5:5:", "u": "9:9:", "b": str(BATCH_ID), "m": "m"}
        fields = ",".join(f'"{name}":{value}' for name, value in numbers.items())
        return urlsafe_b64encode(f"{json.dumps(texts)[:-1]},{fields}}}".encode()).decode()

    good = {"x": "1", "n": "1"}
    assert ResumeToken.decode(written(**good)).reached
    with pytest.raises(ResumeTokenInvalid):
        ResumeToken.decode(written(**good | {field: number}))


@pytest.mark.parametrize("snapshot", [f"5:{2**63}:", "5:-1:", f"5:9:{2**63}"])
def test_a_snapshot_that_postgresql_could_not_have_is_none(snapshot: str) -> None:
    with pytest.raises(ValueError, match="no transactions"):
        Snapshot.parse(snapshot)


def test_a_selection_is_told_by_its_owner_and_all_its_conditions() -> None:
    filters = [
        BatchFilter(),
        BatchFilter(labels={"team": "red"}),
        BatchFilter(statuses=[BatchStatus.FAILED]),
        BatchFilter(batch_ids=[str(BATCH_ID)]),
    ]
    assert len({selection_id(owner, matching) for owner in ("a", "b") for matching in filters}) == 8
    both = [BatchStatus.FAILED, BatchStatus.COMPLETED]
    assert selection_id("a", BatchFilter(statuses=both)) == selection_id("a", BatchFilter(statuses=both[::-1]))


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def piece(sequence: int, *, about_items: bool = False) -> Piece:
    return Piece(sequence, f"<{sequence}>".encode(), about_items, None, frozenset(), sequence)


async def seconds_of(turn: Pace) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await turn.turn()
    return loop.time() - started


async def test_after_a_quiet_time_a_fan_out_starts_at_once() -> None:
    clock = Clock()
    pace = Pace(clock)
    wave = pace.wave(2)
    clock.now += BURST_SECONDS / 2
    wave.taken()
    wave.taken()
    assert await seconds_of(pace) < 0.02


async def test_fan_outs_one_after_another_take_their_share_of_the_time_only() -> None:
    clock = Clock()
    pace = Pace(clock)
    waits = []
    for _ in range(7):
        wave = pace.wave(1)
        clock.now += 0.05
        wave.taken()
        waits.append(await seconds_of(pace))
    owed = 7 * 0.05 - BURST_SECONDS - 7 * 0.05 * SHARE
    assert 0 < owed < 0.05
    assert max(waits[:6]) < 0.02
    assert waits[6] == pytest.approx(owed / SHARE, abs=0.015)


async def test_a_busy_time_does_not_slow_down_the_quiet_one_that_follows() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(5):
        wave = pace.wave(1)
        clock.now += 1
        wave.taken()
        assert await seconds_of(pace) <= LONGEST_WAIT_SECONDS + 0.02
    clock.now += LONGEST_WAIT_SECONDS
    assert await seconds_of(pace) < 0.02


async def test_a_watcher_that_takes_nothing_holds_nobody_up_for_long() -> None:
    pace = Pace()
    pace.wave(1)
    assert PATIENCE_SECONDS - 0.01 <= await seconds_of(pace) < PATIENCE_SECONDS * 3


async def test_who_waits_is_woken_once_for_all_that_was_published() -> None:
    audience: Audience[int] = Audience(Pace())
    waits = [audience.wait(number) for number in range(3)]
    audience.publish(0, 2, [piece(1), piece(2, about_items=True)])
    audience.publish(2, 3, [piece(3)])
    audience.wake()
    assert all(wait.done() for wait in waits)
    first, second = audience.since(0)
    assert (first.data(exclude_items=False), first.data(exclude_items=True)) == (b"<1><2>", b"<1>")
    assert second.after == first.last
    assert audience.since(second.number) == []


async def test_what_is_said_along_goes_with_events_only() -> None:
    audience: Audience[int] = Audience(Pace())
    audience.publish(0, 1, [piece(1, about_items=True)], progress=b"<p>", trailer=b"<t>")
    (chunk,) = audience.since(0)
    assert (chunk.data(exclude_items=False), chunk.data(exclude_items=True)) == (b"<1><p><t>", b"")


async def test_only_the_last_chunks_are_kept_and_a_skip_keeps_none() -> None:
    audience: Audience[int] = Audience(Pace())
    for number in range(40):
        audience.publish(number, number + 1, [piece(number + 1)])
    kept = audience.since(0)
    assert len(kept) < 40
    assert kept[-1].number == audience.number == 40
    audience.skip()
    assert audience.since(40) == []
    assert audience.number == 41


async def test_a_write_that_is_not_taken_ends_the_watch() -> None:
    writes = Writes()

    async def watch() -> None:
        outgoing = Outgoing(lambda _: asyncio.Event().wait(), writes, 15)  # type: ignore[arg-type,return-value]  # what a write returns is not looked at
        try:
            await outgoing.send(b"x")
        finally:
            outgoing.close()

    task = asyncio.create_task(watch())
    await asyncio.sleep(0)
    now = asyncio.get_running_loop().time()
    writes.end_stalled(now + WRITE_SECONDS - 1)
    await asyncio.sleep(0)
    assert not task.done()
    writes.end_stalled(now + WRITE_SECONDS + 1)
    with pytest.raises(WatcherTooSlow):
        await task
    writes.end_stalled(now + 2 * WRITE_SECONDS)


async def test_who_asks_right_after_a_stop_is_served() -> None:
    done = asyncio.Event()
    steps: list[str] = []

    async def step() -> None:
        steps.append("begun")
        if len(steps) == 1:
            await asyncio.Event().wait()
        done.set()

    repeater = Repeater(step, Pace().turn)
    repeater.ask()
    await asyncio.sleep(0)
    repeater.stop()
    repeater.ask()
    async with asyncio.timeout(5):
        await done.wait()
    assert len(steps) == 2
