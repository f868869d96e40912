/** The decisions of a watch of one batch: what to hand out, when to connect again, and where to continue. */

import { clone } from "@bufbuild/protobuf";

import type { Decisions } from "./decisions.js";
import { DataLossError, type ReportsError } from "./errors.js";
import type { BatchEvent } from "./gen/fna/reports/v1/batch_pb.js";
import {
  type WatchBatchRequest,
  WatchBatchRequestSchema,
  type WatchBatchResponse,
} from "./gen/fna/reports/v1/batch_status_service_pb.js";
import type { Interruptions } from "./interruptions.js";
import { Position } from "./position.js";
import { silenceLimitMs } from "./silence.js";

const GAPS_IN_A_ROW = 3;
const SEQUENCE_COMPACTED = "SEQUENCE_COMPACTED";
const SEQUENCE_GAP = "SEQUENCE_GAP";

/** Continues after the last event, and has every one of them. */
export class Watch implements Decisions<WatchBatchRequest, WatchBatchResponse> {
  readonly #request: WatchBatchRequest;
  readonly #position: Position;
  readonly #interruptions: Interruptions;
  #gaps = 0;

  constructor(request: WatchBatchRequest, interruptions: Interruptions) {
    this.#request = clone(WatchBatchRequestSchema, request);
    this.#position = new Position(request.afterSequence, { gapless: !request.excludeItemEvents });
    this.#interruptions = interruptions;
  }

  get silenceLimitMs(): number {
    return silenceLimitMs(this.#request.heartbeatInterval);
  }

  request(): WatchBatchRequest {
    this.#position.resume();
    if (this.#position.last === undefined) {
      delete this.#request.afterSequence;
    } else {
      this.#request.afterSequence = this.#position.last;
    }
    return this.#request;
  }

  take(response: WatchBatchResponse): BatchEvent[] {
    this.#interruptions.over();
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

  check(): void {
    if (this.#position.gap !== undefined) {
      throw new DataLossError(`the stream went from event ${this.#position.last} to event ${this.#position.gap}`, {
        code: "DATA_LOSS",
        reason: SEQUENCE_GAP,
      });
    }
  }

  waitAfter(error: ReportsError): number {
    if (error.reason === SEQUENCE_COMPACTED && this.#position.last !== undefined) {
      this.#position.restart();
    } else if (error.reason === SEQUENCE_GAP) {
      this.#gaps += 1;
      if (this.#gaps >= GAPS_IN_A_ROW) {
        throw error;
      }
    } else {
      this.#interruptions.require(error);
    }
    return this.#interruptions.waitAfter(error);
  }
}
