/** A watch continues by itself, without a gap or a repeat, and tells what it cannot continue from. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";

import type { ReportsError, WatchOptions } from "../src/index.js";
import { connect, type ConnectOptions } from "../src/node/index.js";
import {
  type BatchEvent,
  BatchView,
  GetBatchRequestSchema,
  GetBatchResponseSchema,
  ListBatchResultsResponseSchema,
  SubmitBatchResponseSchema,
  type WatchBatchRequest,
  WatchBatchRequestSchema,
} from "../src/v1.js";
import {
  BATCH_ID,
  batch,
  finished,
  heartbeat,
  itemChanged,
  itemProgress,
  message,
  page,
  refusal,
  REPORT_ID,
  sequences,
  snapshot,
  TASK_ID,
  unavailable,
} from "./messages.js";
import { CUT, Peer, SILENCE, type Step, type Stream } from "./peer.js";

const FOUND = create(GetBatchResponseSchema, { batch: batch() });

/** Return a stream that sends these, whatever was asked. */
function stream(...steps: Step[]): Stream {
  return () => steps;
}

/** Return a stream of a history that is cut after `every` events, from wherever it was asked to continue. */
function history(last: number, every: number, cut: ConnectError | typeof CUT): Stream {
  return function* (request: WatchBatchRequest): Generator<Step> {
    const first = Number(request.afterSequence) + 1;
    for (let sequence = first; sequence < Math.min(first + every, last); sequence++) {
      yield message(itemChanged(sequence));
    }
    yield first + every < last ? cut : message(finished(last));
  };
}

async function watched(peer: Peer, options: WatchOptions = {}, connection: ConnectOptions = {}): Promise<BatchEvent[]> {
  peer.answers["GetBatch"] ??= [FOUND];
  const client = connect(peer.target, connection);
  try {
    return await Array.fromAsync(client.watch(BATCH_ID, options));
  } finally {
    client.close();
  }
}

const CUTS: readonly [string, ConnectError | typeof CUT][] = [
  ["unavailable", unavailable()],
  ["draining", unavailable(10)],
  ["reset", refusal(Code.Internal)],
  ["cancelled", refusal(Code.Canceled)],
  ["unknown", refusal(Code.Unknown)],
  ["broken", CUT],
];

for (const [name, cut] of CUTS) {
  test(`a stream that is ${name} again and again is complete`, async () => {
    await using peer = await Peer.start();
    peer.streams = [history(50, 7, cut)];
    const events = await watched(peer, { afterSequence: 0 });
    assert.deepEqual(sequences(events), Array.from({ length: 50 }, (_, index) => index + 1));
    if (cut !== CUT) {
      // What a connection that breaks takes along is sent again.
      assert.deepEqual(peer.watchedAfter(), [0, 7, 14, 21, 28, 35, 42]);
    }
  });
}

test("what is sent again is not handed out again", async () => {
  await using peer = await Peer.start();
  peer.streams = [
    stream(message(snapshot(3), itemChanged(4)), unavailable()),
    stream(message(itemChanged(3), itemChanged(4), itemChanged(5)), message(finished(6))),
  ];
  assert.deepEqual(sequences(await watched(peer)), [3, 4, 5, 6]);
  assert.deepEqual(peer.watchedAfter(), [undefined, 4]);
});

test("progress is handed out and heartbeats are not", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), message(heartbeat(3)), message(itemProgress(3)), message(finished(4)))];
  const events = await watched(peer);
  assert.deepEqual(events.map(({ event }) => event.case), ["snapshot", "progress", "statusChanged"]);
});

test("it stays with the execution that it began with", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), unavailable()), stream(message(finished(4)))];
  await watched(peer);
  const requests = peer.requests(WatchBatchRequestSchema, "WatchBatch");
  assert.deepEqual(requests.map(({ taskId }) => taskId), ["", TASK_ID]);
});

test("it stays with the execution that was current when it began at a sequence", async () => {
  await using peer = await Peer.start();
  peer.answers["GetBatch"] = [unavailable(), FOUND];
  peer.streams = [stream(unavailable()), stream(message(itemChanged(2)), unavailable()), stream(message(finished(3)))];
  assert.deepEqual(sequences(await watched(peer, { afterSequence: 1 })), [2, 3]);
  const requests = peer.requests(WatchBatchRequestSchema, "WatchBatch");
  assert.deepEqual(requests.map(({ taskId }) => taskId), [TASK_ID, TASK_ID, TASK_ID]);
  const asked = create(GetBatchRequestSchema, { batchId: BATCH_ID, view: BatchView.BASIC });
  assert.deepEqual(peer.requests(GetBatchRequestSchema, "GetBatch"), [asked, asked]);
});

test("whoever says which execution is not asked again", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(finished(2)))];
  await watched(peer, { afterSequence: 1, taskId: TASK_ID });
  assert.equal(peer.received("GetBatch").length, 0);
});

test("a batch that does not exist is told before it is watched", async () => {
  await using peer = await Peer.start();
  peer.answers["GetBatch"] = [refusal(Code.NotFound, "BATCH_NOT_FOUND")];
  await assert.rejects(watched(peer, { afterSequence: 0 }), { name: "NotFoundError" });
  assert.equal(peer.received("WatchBatch").length, 0);
});

test("after an event was left out it asks for it", async () => {
  await using peer = await Peer.start();
  peer.streams = [
    stream(message(snapshot(3), itemChanged(4)), message(itemChanged(6)), message(finished(7))),
    stream(message(itemChanged(5), itemChanged(6), finished(7))),
  ];
  assert.deepEqual(sequences(await watched(peer)), [3, 4, 5, 6, 7]);
});

test("a server that leaves out an event every time is given up", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(itemChanged(2)))];
  await assert.rejects(watched(peer, { afterSequence: 0 }), {
    name: "DataLossError",
    reason: "SEQUENCE_GAP",
    message: "the stream went from event 0 to event 2",
  });
  assert.equal(peer.received("WatchBatch").length, 3);
});

test("after compaction it starts again with a snapshot", async () => {
  await using peer = await Peer.start();
  peer.streams = [
    stream(refusal(Code.OutOfRange, "SEQUENCE_COMPACTED", { oldest_sequence: "90" })),
    stream(message(snapshot(100), finished(101))),
  ];
  const events = await watched(peer, { afterSequence: 5 });
  assert.deepEqual(sequences(events), [100, 101]);
  assert.equal(events[0]?.event.case, "snapshot");
  assert.deepEqual(peer.watchedAfter(), [5, undefined]);
});

const REFUSALS: readonly [string, ConnectError, string][] = [
  ["a position ahead of the batch", refusal(Code.OutOfRange, "SEQUENCE_AHEAD"), "OutOfRangeError"],
  ["a batch that does not exist", refusal(Code.NotFound, "BATCH_NOT_FOUND"), "NotFoundError"],
  ["an error of the server itself", refusal(Code.Unknown), "ReportsError"],
];

for (const [what, error, name] of REFUSALS) {
  test(`${what} is told at once`, async () => {
    await using peer = await Peer.start();
    peer.streams = [stream(error)];
    await assert.rejects(watched(peer, { afterSequence: 5 }), { name });
    assert.equal(peer.received("WatchBatch").length, 1);
  });
}

test("a connection that falls silent is dropped for another one", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), SILENCE), stream(message(finished(4)))];
  const causes: ReportsError[] = [];
  const onInterruption = (cause: ReportsError): number => causes.push(cause);
  const events = await watched(peer, { heartbeatIntervalMs: 500, onInterruption });
  assert.deepEqual(sequences(events), [3, 4]);
  assert.deepEqual(causes.map(({ message }) => message), ["the server sent nothing for 1.5 s, not even a heartbeat"]);
  assert.equal(peer.connections, 2);
});

test("watches that find out one dead connection have one in its place", async () => {
  await using peer = await Peer.start();
  const silent = stream(message(snapshot(3)), SILENCE);
  peer.streams = [silent, silent, stream(message(finished(4)))];
  const client = connect(peer.target);
  const watches = [100, 300].map((heartbeatIntervalMs) =>
    Array.fromAsync(client.watch(BATCH_ID, { heartbeatIntervalMs })),
  );
  for (const found of await Promise.all(watches)) {
    assert.deepEqual(sequences(found), [3, 4]);
  }
  assert.equal(peer.connections, 2);
  client.close();
});

test("what a slow reader does between two events is no silence", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), message(finished(4)))];
  const client = connect(peer.target);
  const causes: ReportsError[] = [];
  const onInterruption = (cause: ReportsError): number => causes.push(cause);
  for await (const event of client.watch(BATCH_ID, { heartbeatIntervalMs: 500, onInterruption })) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.ok(event.sequence);
  }
  assert.deepEqual(causes, []);
  client.close();
});

test("leaving the loop ends the stream at once", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), SILENCE)];
  const client = connect(peer.target);
  for await (const event of client.watch(BATCH_ID)) {
    assert.equal(event.event.case, "snapshot");
    break;
  }
  await peer.watchEnded.promise;
  assert.equal(peer.received("WatchBatch").length, 1);
  client.close();
});

test("a watch that its signal ends throws the reason, and the stream ends at once", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), SILENCE)];
  const client = connect(peer.target);
  const stop = new AbortController();
  const watching = (async () => {
    for await (const event of client.watch(BATCH_ID, { signal: stop.signal })) {
      assert.ok(event);
      stop.abort(new RangeError("enough"));
    }
  })();
  await assert.rejects(watching, new RangeError("enough"));
  await peer.watchEnded.promise;
  client.close();
});

test("a server that comes back is found again", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), SILENCE), stream(message(finished(4)))];
  const client = connect(peer.target);
  const found: BatchEvent[] = [];
  for await (const event of client.watch(BATCH_ID)) {
    found.push(event);
    if (event.event.case === "snapshot") {
      await peer.stop();
      await peer.start();
    }
  }
  assert.deepEqual(sequences(found), [3, 4]);
  client.close();
});

test("a server that stays away is given up after the reconnect timeout", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(message(snapshot(3)), unavailable()), stream(unavailable())];
  await assert.rejects(watched(peer, {}, { reconnectTimeoutMs: 300 }), { name: "UnavailableError" });
});

test("a server that never answers is given up after the timeout", async () => {
  await using peer = await Peer.start();
  peer.streams = [stream(unavailable())];
  await assert.rejects(watched(peer, {}, { timeoutMs: 300 }), { name: "UnavailableError" });
});

test("the timeout counts from the first event that is asked for", async (context) => {
  await using peer = await Peer.start();
  peer.streams = [stream(unavailable()), stream(message(snapshot(3), finished(4)))];
  peer.batchesStreams = [() => [unavailable()], () => [page("a", snapshot(3))]];
  const client = connect(peer.target);
  const nowMs = performance.now();
  context.mock.method(performance, "now", () => nowMs);
  const [one, all] = [client.watch(BATCH_ID), client.watchBatches()];
  context.mock.method(performance, "now", () => nowMs + 3_600_000);
  assert.deepEqual(sequences(await Array.fromAsync(one)), [3, 4]);
  assert.equal((await all.next()).value?.event.case, "snapshot");
  client.close();
});

test("a handle follows its execution and returns what it came to", async () => {
  await using peer = await Peer.start();
  peer.answers["SubmitBatch"] = [create(SubmitBatchResponseSchema, { batch: batch() })];
  peer.answers["GetBatch"] = [create(GetBatchResponseSchema, { batch: batch({ successful: 2 }) })];
  peer.answers["ListBatchResults"] = [
    create(ListBatchResultsResponseSchema, { results: [{ report: { reportId: REPORT_ID } }] }),
  ];
  peer.streams = [stream(message(snapshot(1)), message(finished(2)))];
  const client = connect(peer.target);
  const handle = await client.submit([REPORT_ID]);
  // What the answer to the submission included is not told again.
  assert.deepEqual(sequences(await Array.fromAsync(handle.events())), [2]);
  const { batch: ended, results } = await handle.result();
  assert.equal(ended.successful, 2);
  assert.deepEqual(results.map(({ report }) => report?.reportId), [REPORT_ID]);
  await client.batch(BATCH_ID).result();
  const watches = peer.requests(WatchBatchRequestSchema, "WatchBatch");
  assert.deepEqual(watches.map(({ taskId, excludeItemEvents }) => [taskId, excludeItemEvents]), [
    [TASK_ID, false],
    [TASK_ID, true],
    ["", true],
  ]);
  const reads = peer.requests(GetBatchRequestSchema, "GetBatch");
  assert.deepEqual(reads.map(({ taskId }) => taskId), [TASK_ID, TASK_ID]);
  client.close();
});
