/** A watch of all batches continues by its token, hands out no event of a batch twice, and has no end. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";

import { BatchesWatch } from "../src/batches_watch.js";
import { OutOfRangeError, ReportsError, UnavailableError } from "../src/errors.js";
import { BatchStatus, type ReportsClient } from "../src/index.js";
import { Interruptions } from "../src/interruptions.js";
import { connect } from "../src/node/index.js";
import { type BatchEvent, type WatchBatchesRequest, WatchBatchesRequestSchema } from "../src/v1.js";
import { broken, endless, events, problem, told, withGateway } from "./gateway.js";
import {
  BATCH_ID,
  heartbeat,
  itemChanged,
  itemProgress,
  of,
  page,
  refusal,
  sequences,
  snapshot,
  TASK_ID,
  unavailable,
} from "./messages.js";
import { type BatchesStep, type BatchesStream, Peer, SILENCE } from "./peer.js";

const FILTER = { statuses: [BatchStatus.PROCESSING], labels: { desk: "north" }, batchIds: [BATCH_ID] };

function asked(resumeToken = ""): WatchBatchesRequest {
  return create(WatchBatchesRequestSchema, { filter: FILTER, resumeToken });
}

function watching(): BatchesWatch {
  return new BatchesWatch(asked(), new Interruptions({ timeoutMs: 30_000, reconnectTimeoutMs: undefined }));
}

function away(): ReportsError {
  return new UnavailableError("away", { code: "UNAVAILABLE" });
}

function expired(): ReportsError {
  return new OutOfRangeError("gone", { code: "OUT_OF_RANGE", reason: "RESUME_TOKEN_EXPIRED" });
}

/** Return the kinds and sequences of the first events of a watch, which has no end, and leave it. */
async function first(count: number, watch: AsyncIterable<BatchEvent>): Promise<[string | undefined, number][]> {
  const found: BatchEvent[] = [];
  for await (const event of watch) {
    found.push(event);
    if (found.length === count) {
      break;
    }
  }
  return found.map(({ event, sequence }) => [event.case, Number(sequence)]);
}

test("it continues after the last message", () => {
  const watch = watching();
  assert.deepEqual(watch.request(), asked());
  watch.take(page("a", snapshot(1)));
  watch.take(page("b", heartbeat(0)));
  watch.waitAfter(away());
  assert.deepEqual(watch.request(), asked("b"));
});

test("events that come again are left out, and batches do not mix", () => {
  const watch = watching();
  const begun = watch.take(page("a", of("x", snapshot(3)), of("y", snapshot(7)), of("x", itemChanged(4))));
  assert.deepEqual(sequences(begun), [3, 7, 4]);
  const again = watch.take(page("b", of("x", itemChanged(4)), of("y", itemChanged(8)), of("x", itemChanged(5))));
  assert.deepEqual(sequences(again), [8, 5]);
  // A filter leaves events out, so a gap means nothing.
  assert.deepEqual(sequences(watch.take(page("c", of("x", itemChanged(9))))), [9]);
  watch.check();
});

test("progress is handed out and heartbeats are not", () => {
  const watch = watching();
  watch.take(page("a", snapshot(3)));
  const passed = watch.take(page("b", itemProgress(3), heartbeat(0), itemProgress(3)));
  assert.deepEqual(passed.map(({ event }) => event.case), ["progress", "progress"]);
});

test("a token that is no longer good starts it again with snapshots", () => {
  const watch = watching();
  watch.take(page("a", of("x", snapshot(3)), of("x", itemChanged(4)), of("y", itemChanged(9))));
  watch.waitAfter(expired());
  assert.deepEqual(watch.request(), asked());
  // The database may have been restored to a time before what was told of y.
  const passed = watch.take(page("b", of("x", snapshot(4)), of("x", itemChanged(5)), of("y", itemChanged(8))));
  assert.deepEqual(sequences(passed), [4, 5, 8]);
});

test("the word of the server ends it", () => {
  assert.throws(() => watching().waitAfter(expired()), OutOfRangeError);
  const watch = watching();
  watch.take(page("a", snapshot(3)));
  const slow = new ReportsError("slow", { code: "RESOURCE_EXHAUSTED", reason: "WATCHER_TOO_SLOW" });
  assert.throws(() => watch.waitAfter(slow), ReportsError);
});

test("the 100,000 batches that had events last are remembered", () => {
  const watch = watching();
  const batches = Array.from({ length: 100_000 }, (_, index) => of(`batch ${index}`, itemChanged(1)));
  watch.take(page("a", ...batches, of("batch 0", itemChanged(2)), of("one more", itemChanged(1))));
  const again = [of("batch 0", itemChanged(2)), of("batch 2", itemChanged(1)), of("batch 1", itemChanged(1))];
  assert.deepEqual(watch.take(page("b", ...again)).map(({ batchId }) => batchId), ["batch 1"]);
});

function stream(...steps: BatchesStep[]): BatchesStream {
  return () => steps;
}

async function withPeer(streams: BatchesStream[], run: (client: ReportsClient, peer: Peer) => Promise<void>): Promise<void> {
  await using peer = await Peer.start();
  peer.batchesStreams = streams;
  const client = connect(peer.target);
  try {
    await run(client, peer);
  } finally {
    client.close();
  }
}

test("a stream over gRPC goes on whatever happens to it", () =>
  withPeer(
    [
      stream(page("a", snapshot(3), itemChanged(4)), page("b", heartbeat(0)), unavailable()),
      stream(page("c", itemChanged(4), itemChanged(5)), SILENCE),
      stream(page("d", itemChanged(6)), refusal(Code.Internal)),
      stream(refusal(Code.OutOfRange, "RESUME_TOKEN_EXPIRED")),
      stream(page("e", snapshot(9)), SILENCE),
    ],
    async (client, peer) => {
      const causes: string[] = [];
      const onInterruption = ({ reason, code }: ReportsError): number => causes.push(reason || code);
      const found = await first(5, client.watchBatches({ ...FILTER, heartbeatIntervalMs: 300, onInterruption }));
      assert.deepEqual(found, [
        ["snapshot", 3],
        ["itemChanged", 4],
        ["itemChanged", 5],
        ["itemChanged", 6],
        ["snapshot", 9],
      ]);
      assert.deepEqual(causes, ["UNAVAILABLE", "UNAVAILABLE", "INTERNAL", "RESUME_TOKEN_EXPIRED"]);
      const requests = peer.requests(WatchBatchesRequestSchema, "WatchBatches");
      assert.deepEqual(requests.map(({ resumeToken }) => resumeToken), ["", "b", "c", "d", ""]);
      assert.deepEqual(requests.map(({ filter }) => filter), Array(5).fill(asked().filter));
    },
  ));

test("a watch that its signal ends throws the reason, and the stream ends at once", () =>
  withPeer([stream(page("a", snapshot(3)), SILENCE)], async (client, peer) => {
    const stop = new AbortController();
    const watched = client.watchBatches({ signal: stop.signal });
    await watched.next();
    const next = watched.next();
    stop.abort(new RangeError("enough"));
    await assert.rejects(next, new RangeError("enough"));
    await peer.watchEnded.promise;
  }));

const WATCH = "/v1/reports/batch:watch";
const BATCH = { batch_id: BATCH_ID, task_id: TASK_ID, status: "PROCESSING", total_reports: 2, processed_at: null };
const ITEM = { previous_status: "PENDING", item: { status: "FAILED", errors: [] }, counters: {} };
const FINAL = { previous_status: "PROCESSING", batch: { ...BATCH, status: "COMPLETED" }, final: true };

test("over REST it is asked for where the gateway has it", () =>
  withGateway([endless(told(3, "snapshot", BATCH, "a"))], async (client, { received }) => {
    await first(1, client.watchBatches({ ...FILTER, heartbeatIntervalMs: 1500, excludeItemEvents: true }));
    const query = `status=PROCESSING&label=desk%3Anorth&batch_id=${BATCH_ID}`;
    const [request] = received;
    assert.equal(request?.url, `${WATCH}?${query}&heartbeat_interval=1.500s&exclude_item_events=true`);
  }));

test("a stream over REST continues by the id of the last event, whatever happens to it", () =>
  withGateway(
    [
      // The last event of a batch is not that of the stream, and the end of the stream is not that of the watch.
      events(told(3, "snapshot", BATCH, "") + told(4, "status_changed", FINAL, "a"), "id: b\n: heartbeat\n\n"),
      problem(503, { code: "UNAVAILABLE" }),
      broken,
      // An event of a kind that the gateway does not know, then a message that breaks off before its end.
      events("id: c+/=\n\n", told(5, "item_changed", ITEM, "")),
      events(told(4, "status_changed", FINAL, "") + told(5, "item_changed", ITEM, "d")),
      problem(410, { code: "OUT_OF_RANGE", reason: "RESUME_TOKEN_EXPIRED" }),
      endless(told(6, "snapshot", BATCH, "e")),
    ],
    async (client, { received }) => {
      const causes: string[] = [];
      const onInterruption = ({ reason, code }: ReportsError): number => causes.push(reason || code);
      const found = await first(4, client.watchBatches({ onInterruption }));
      assert.deepEqual(found, [
        ["snapshot", 3],
        ["statusChanged", 4],
        ["itemChanged", 5],
        ["snapshot", 6],
      ]);
      assert.deepEqual(causes, [...Array<string>(5).fill("UNAVAILABLE"), "RESUME_TOKEN_EXPIRED"]);
      const tokens = received.map(({ url }) => new URL(url, "http://gateway").searchParams.get("resume_token"));
      assert.deepEqual(tokens, [null, "b", "b", "b", "c+/=", "d", null]);
    },
  ));

test("over REST heartbeats keep a stream, and their absence ends it", () =>
  withGateway(
    [
      (response, request) => {
        endless(told(3, "snapshot", BATCH, "a"))(response, request);
        const beats = setInterval(() => response.write("id: b\n: heartbeat\n\n"), 100);
        setTimeout(() => {
          clearInterval(beats);
          response.write(told(4, "item_changed", ITEM, "c"));
        }, 1200);
      },
      endless(told(5, "item_changed", ITEM, "d")),
    ],
    async (client, { received }) => {
      const causes: ReportsError[] = [];
      const onInterruption = (cause: ReportsError): number => causes.push(cause);
      const found = await first(3, client.watchBatches({ heartbeatIntervalMs: 300, onInterruption }));
      assert.deepEqual(found.map(([, sequence]) => sequence), [3, 4, 5]);
      assert.deepEqual(causes.map(({ message }) => message), ["the server sent nothing for 0.9 s, not even a heartbeat"]);
      assert.equal(received[1]?.url, `${WATCH}?resume_token=c&heartbeat_interval=0.300s`);
    },
  ));

test("over REST what cannot be read is no interruption", () =>
  withGateway([events("id: a\ndata: {\n\n")], async (client, { received }) => {
    await assert.rejects(first(1, client.watchBatches()), { code: "INTERNAL" });
    assert.equal(received.length, 1);
  }));
