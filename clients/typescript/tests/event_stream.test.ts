/** Server-sent events are read the same in whatever pieces they come. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EventStream } from "../src/browser/event_stream.js";

const TEXT = [
  "retry: 1000\n\n",
  ": heartbeat\n\n",
  "event: item_changed\nid: 7\ndata: {\ndata:  }\n\n",
  "id: 8\r\ndata: x\r\n\r\n",
  "id: 9\r\r",
  "data\n\n",
  "unknown: field\nid:10\n\n",
  "id: 11\ndata: not complete\n",
].join("");

const BLOCKS = [
  { isComment: true },
  { id: "7", data: "{\n }", isComment: false },
  { id: "8", data: "x", isComment: false },
  { id: "9", isComment: false },
  { data: "", isComment: false },
  { id: "10", isComment: false },
];

for (const size of [1, 2, 3, 7, TEXT.length]) {
  test(`in pieces of ${size}`, () => {
    const stream = new EventStream();
    const pieces = TEXT.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    assert.deepEqual(pieces.flatMap((piece) => stream.take(piece)), BLOCKS);
  });
}
