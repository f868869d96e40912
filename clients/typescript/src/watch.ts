/** The decisions of one watch: what to hand out, when to connect again, and where to continue. */

import { clone } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";

import type { Chance } from "./attempts.js";
import { Backoff } from "./backoff.js";
import { DataLossError, type ReportsError, type StatusCode, UnavailableError } from "./errors.js";
import type { BatchEvent } from "./gen/fna/reports/v1/batch_pb.js";
import {
  type WatchBatchRequest,
  WatchBatchRequestSchema,
  type WatchBatchResponse,
} from "./gen/fna/reports/v1/batch_status_service_pb.js";
import { Position } from "./position.js";

const DEFAULT_HEARTBEAT_MS = 15_000; // That of the contract, when the request sets none.
const SILENT_INTERVALS = 3;
const GAPS_IN_A_ROW = 3;
const SEQUENCE_COMPACTED = "SEQUENCE_COMPACTED";
const SEQUENCE_GAP = "SEQUENCE_GAP";

// How a proxy or a killed server may end a stream. Without a reason they are not the server's word; they are believed
// when they come at once, and taken for a cut when the stream worked before.
const CUTS: ReadonlySet<StatusCode> = new Set(["INTERNAL", "UNKNOWN", "CANCELLED", "DEADLINE_EXCEEDED"]);

/** How long a watch tries to reach a server. */
export interface Patience {
  /** Until the stream has delivered anything at all. */
  readonly timeoutMs: number;
  /** In every later interruption; not set means for ever. */
  readonly reconnectTimeoutMs: number | undefined;
}

/**
 * What a watch does between two messages of a stream, without the waiting.
 *
 * A loop asks `request()` for the next call, passes every message to `take()` and then calls `check()`, and hands what
 * these or the call throw to `waitAfter()`, which says how long to wait before the next call.
 */
export class Watch {
  readonly #request: WatchBatchRequest;
  readonly #position: Position;
  readonly #reconnectTimeoutMs: number | undefined;
  readonly #backoff: Backoff;
  readonly #clockMs: () => number;
  #patienceMs: number | undefined;
  #downSinceMs: number | undefined;
  #gaps = 0;

  constructor(request: WatchBatchRequest, patience: Patience, chance: Chance = {}) {
    this.#request = clone(WatchBatchRequestSchema, request);
    this.#position = new Position(request.afterSequence, { gapless: !request.excludeItemEvents });
    this.#patienceMs = patience.timeoutMs;
    this.#reconnectTimeoutMs = patience.reconnectTimeoutMs;
    this.#backoff = chance.backoff ?? new Backoff();
    this.#clockMs = chance.clockMs ?? (() => performance.now());
    this.#downSinceMs = this.#clockMs();
  }

  /** After so long without a message the connection is taken for dead. */
  get silenceLimitMs(): number {
    const asked = this.#request.heartbeatInterval;
    return SILENT_INTERVALS * ((asked && durationMs(asked)) || DEFAULT_HEARTBEAT_MS);
  }

  /** Return the request of the next call, which continues after the last event that was handed out. */
  request(): WatchBatchRequest {
    this.#position.resume();
    if (this.#position.last === undefined) {
      delete this.#request.afterSequence;
    } else {
      this.#request.afterSequence = this.#position.last;
    }
    return this.#request;
  }

  /** Return what to hand out of a message. */
  take(response: WatchBatchResponse): BatchEvent[] {
    this.#downSinceMs = undefined;
    this.#patienceMs = this.#reconnectTimeoutMs;
    this.#backoff.reset();
    const before = this.#position.last;
    const events = this.#position.take(response.events);
    if (this.#position.last !== before) {
      this.#gaps = 0;
    }
    const first = events[0]?.event;
    if (this.#request.taskId === "" && first?.case === "snapshot") {
      // Else a watch that is cut just before a retry of the batch would go on with the next execution.
      this.#request.taskId = first.value.taskId;
    }
    return events;
  }

  /** Throw a `DataLossError` when the stream left out an event, so that it is dropped and resumed. */
  check(): void {
    if (this.#position.gap !== undefined) {
      throw new DataLossError(`the stream went from event ${this.#position.last} to event ${this.#position.gap}`, {
        code: "DATA_LOSS",
        reason: SEQUENCE_GAP,
      });
    }
  }

  /** Return the error for a connection that was silent for `silenceLimitMs`. */
  silent(): ReportsError {
    const seconds = this.silenceLimitMs / 1000;
    return new UnavailableError(`the server sent nothing for ${seconds} s, not even a heartbeat`, {
      code: "UNAVAILABLE",
    });
  }

  /**
   * Return the milliseconds to wait before the next call; throw the error itself when another call does not help, or
   * the server was away for too long.
   */
  waitAfter(error: ReportsError): number {
    if (error.reason === SEQUENCE_COMPACTED && this.#position.last !== undefined) {
      this.#position.restart();
    } else if (error.reason === SEQUENCE_GAP) {
      this.#gaps += 1;
      if (this.#gaps >= GAPS_IN_A_ROW) {
        throw error;
      }
    } else if (!this.#isInterruption(error)) {
      throw error;
    }
    return this.#wait(error);
  }

  #isInterruption(error: ReportsError): boolean {
    if (error instanceof UnavailableError) {
      return true;
    }
    return CUTS.has(error.code) && error.reason === "" && this.#downSinceMs === undefined;
  }

  #wait(error: ReportsError): number {
    const nowMs = this.#clockMs();
    this.#downSinceMs ??= nowMs;
    const waitMs = this.#backoff.waitMs(error.retryDelayMs);
    const downForMs = nowMs - this.#downSinceMs;
    if (this.#patienceMs !== undefined && downForMs + waitMs >= this.#patienceMs) {
      throw error;
    }
    return waitMs;
  }
}
