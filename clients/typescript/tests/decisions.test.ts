/** Waits between attempts grow, heed what the server asks for, and end with the time that a call may take. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";

import { Attempts } from "../src/attempts.js";
import { Backoff } from "../src/backoff.js";
import { InvalidRequestError, LimitExceededError, ReportsError, UnavailableError } from "../src/errors.js";
import { Interruptions } from "../src/interruptions.js";
import { silenceLimitMs } from "../src/silence.js";
import { type WatchBatchRequest, WatchBatchRequestSchema } from "../src/v1.js";
import { Watch } from "../src/watch.js";
import { BATCH_ID, heartbeat, message, snapshot } from "./messages.js";

/** Stands still until it is moved. */
class Clock {
  nowMs = 100_000;
  readonly read = (): number => this.nowMs;
}

const neverShorter = (): number => 0;

function away(retryDelayMs?: number): UnavailableError {
  return new UnavailableError("away", { code: "UNAVAILABLE", retryDelayMs });
}

function watching(clock: Clock, reconnectTimeoutMs?: number): Watch {
  const chance = { backoff: new Backoff(neverShorter), clockMs: clock.read };
  return new Watch(request(), new Interruptions({ timeoutMs: 30_000, reconnectTimeoutMs }, chance));
}

function request(): WatchBatchRequest {
  return create(WatchBatchRequestSchema, { batchId: BATCH_ID });
}

test("waits double up to a second", () => {
  const backoff = new Backoff(neverShorter);
  const waits = Array.from({ length: 6 }, () => backoff.waitMs(undefined));
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
});

test("waits are shortened by up to half", () => {
  const backoff = new Backoff(() => 1);
  assert.deepEqual([backoff.waitMs(undefined), backoff.waitMs(undefined)], [50, 100]);
});

test("after a success waits start again", () => {
  const backoff = new Backoff(neverShorter);
  backoff.waitMs(undefined);
  backoff.reset();
  assert.equal(backoff.waitMs(undefined), 100);
});

test("a wait that the server asks for is never cut short", () => {
  assert.equal(new Backoff(() => 1).waitMs(5000), 5050);
});

test("attempts end with the timeout", () => {
  const clock = new Clock();
  const attempts = new Attempts(30_000, { backoff: new Backoff(neverShorter), clockMs: clock.read });
  attempts.waitAfter(away());
  clock.nowMs += 29_900;
  assert.equal(attempts.remainingMs(), 100);
  assert.throws(() => attempts.waitAfter(away()), UnavailableError);
});

test("a wait that would outlast the timeout is not begun", () => {
  const attempts = new Attempts(30_000, { clockMs: new Clock().read });
  assert.throws(() => attempts.waitAfter(away(60_000)), { retryDelayMs: 60_000 });
});

test("what trying again does not help is thrown at once", () => {
  assert.throws(() => new Attempts(30_000).waitAfter(new InvalidRequestError("wrong")), InvalidRequestError);
});

test("a watch without a reconnect timeout tries for ever", () => {
  const clock = new Clock();
  const watch = watching(clock);
  watch.take(message(snapshot(1)));
  for (let hour = 0; hour < 100; hour++) {
    clock.nowMs += 3_600_000;
    watch.waitAfter(away());
  }
});

test("every interruption has the whole reconnect timeout", () => {
  const clock = new Clock();
  const watch = watching(clock, 10_000);
  for (let interruption = 0; interruption < 5; interruption++) {
    watch.take(message(heartbeat(1)));
    assert.equal(watch.waitAfter(away()), 100);
    clock.nowMs += 9_000;
    watch.waitAfter(away());
  }
  clock.nowMs += 9_000;
  assert.throws(() => watch.waitAfter(away()), UnavailableError);
});

test("a cut without a reason is believed when the stream brought nothing since the last", () => {
  const watch = watching(new Clock());
  watch.take(message(snapshot(1)));
  watch.waitAfter(new ReportsError("reset", { code: "INTERNAL" }));
  assert.throws(() => watch.waitAfter(new ReportsError("reset", { code: "INTERNAL" })), { message: "reset" });
});

test("the word of the server is not taken for a cut", () => {
  const watch = watching(new Clock());
  watch.take(message(snapshot(1)));
  const bug = new ReportsError("bug", { code: "INTERNAL", reason: "INTERNAL_ERROR" });
  assert.throws(() => watch.waitAfter(bug), ReportsError);
});

test("a watch that delivered comes again when the server says, and one that did not is refused", () => {
  const refused = new LimitExceededError("slow", { code: "RESOURCE_EXHAUSTED", retryDelayMs: 1000 });
  const watch = watching(new Clock());
  watch.waitAfter(away());
  assert.throws(() => watch.waitAfter(refused), LimitExceededError);
  watch.take(message(snapshot(1)));
  assert.equal(watch.waitAfter(refused), 1100);
  assert.equal(watch.waitAfter(refused), 1200);
});

test("a limit of a watch that delivered is told after the reconnect timeout", () => {
  const watch = watching(new Clock(), 10_000);
  watch.take(message(snapshot(1)));
  const refused = new LimitExceededError("many", { code: "RESOURCE_EXHAUSTED", retryDelayMs: 10_000 });
  assert.throws(() => watch.waitAfter(refused), LimitExceededError);
});

test("compaction ends a watch that had no position", () => {
  const gone = new ReportsError("gone", { code: "OUT_OF_RANGE", reason: "SEQUENCE_COMPACTED" });
  assert.throws(() => watching(new Clock()).waitAfter(gone), ReportsError);
});

test("silence is three heartbeat intervals", () => {
  assert.equal(silenceLimitMs(undefined), 45_000);
  assert.equal(silenceLimitMs(durationFromMs(2000)), 6000);
});

test("the request of the caller is left as it is", () => {
  const asked = request();
  const watch = new Watch(asked, new Interruptions({ timeoutMs: 1, reconnectTimeoutMs: undefined }));
  watch.take(message(snapshot(5)));
  assert.equal(watch.request().afterSequence, 5n);
  assert.deepEqual(asked, request());
});
