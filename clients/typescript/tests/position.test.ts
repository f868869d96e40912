/** A position lets every event of a batch pass once, in order. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Position } from "../src/position.js";
import type { BatchEvent } from "../src/v1.js";
import { heartbeat, itemChanged, itemProgress, sequences, snapshot, unknownKind } from "./messages.js";

const NONE = undefined;

interface Case {
  readonly name: string;
  readonly last?: number | undefined;
  readonly gapless?: boolean;
  readonly events: readonly BatchEvent[];
  readonly passed: readonly number[];
  readonly at: readonly [last: number | undefined, gap: number | undefined];
}

const CASES: readonly Case[] = [
  {
    name: "the first event without a position is where it starts",
    events: [snapshot(7), itemChanged(7), itemChanged(8)],
    passed: [7, 8],
    at: [8, NONE],
  },
  {
    name: "nothing passes after a gap",
    last: 4,
    events: [itemChanged(5), itemChanged(7), itemChanged(8), itemChanged(6)],
    passed: [5],
    at: [5, 7],
  },
  {
    name: "progress passes whatever its sequence and moves nothing",
    last: 4,
    events: [itemProgress(4), itemProgress(5), itemChanged(5), itemProgress(9)],
    passed: [4, 5, 5, 9],
    at: [5, NONE],
  },
  { name: "heartbeats do not pass", last: 4, events: [heartbeat(3), heartbeat(4)], passed: [], at: [4, NONE] },
  {
    name: "a heartbeat that is ahead tells that an event was lost",
    last: 4,
    events: [heartbeat(5)],
    passed: [],
    at: [4, 5],
  },
  {
    name: "without item events sequences have gaps and heartbeats move the position",
    last: 4,
    gapless: false,
    events: [itemChanged(9), heartbeat(12), itemChanged(11), itemChanged(13)],
    passed: [9, 13],
    at: [13, NONE],
  },
  { name: "a heartbeat before the snapshot is not a position", events: [heartbeat(5)], passed: [], at: [NONE, NONE] },
  {
    name: "a snapshot in the middle stands for all that it passes over",
    last: 4,
    events: [snapshot(4), snapshot(9), itemChanged(10)],
    passed: [9, 10],
    at: [10, NONE],
  },
  {
    name: "an event of a kind that is not known counts",
    last: 4,
    events: [unknownKind(5), itemChanged(6)],
    passed: [5, 6],
    at: [6, NONE],
  },
];

for (const { name, last, gapless = true, events, passed, at } of CASES) {
  test(name, () => {
    const position = new Position(last === undefined ? undefined : BigInt(last), { gapless });
    assert.deepEqual(sequences(position.take(events)), passed);
    assert.deepEqual([position.last, position.gap].map(numbered), at);
  });
}

test("a gap that is resumed is passed", () => {
  const position = new Position(5n);
  position.take([itemChanged(7)]);
  position.resume();
  assert.deepEqual(sequences(position.take([itemChanged(6), itemChanged(7)])), [6, 7]);
});

test("after a restart the snapshot says where it is", () => {
  const position = new Position(4n);
  position.take([itemChanged(9)]);
  position.restart();
  assert.deepEqual(sequences(position.take([snapshot(20), itemChanged(21)])), [20, 21]);
});

test("however a history is cut and repeated each event passes once in order", () => {
  const history = Array.from({ length: 30 }, (_, index) => itemChanged(index + 1));
  for (let start = 0; start <= 30; start += 5) {
    for (let overlap = 0; overlap <= 10; overlap++) {
      for (let length = 1; length <= 30; length += 4) {
        const position = new Position(BigInt(start));
        const streams = Array.from({ length: 4 }, () => [overlap, length] as const);
        const passed = [...streams, [0, 30] as const].flatMap(([repeated, taken]) => {
          const begin = Math.max(Number(position.last) - repeated, 0);
          return position.take(history.slice(begin, begin + taken));
        });
        assert.deepEqual(sequences(passed), sequences(history.slice(start)));
      }
    }
  }
});

function numbered(sequence: bigint | undefined): number | undefined {
  return sequence === undefined ? undefined : Number(sequence);
}
