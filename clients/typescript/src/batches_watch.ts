/** The decisions of a watch of all batches: what to hand out, when to connect again, and where to continue. */

import { clone } from "@bufbuild/protobuf";

import type { Decisions } from "./decisions.js";
import type { ReportsError } from "./errors.js";
import type { BatchEvent } from "./gen/fna/reports/v1/batch_pb.js";
import {
  type WatchBatchesRequest,
  WatchBatchesRequestSchema,
  type WatchBatchesResponse,
} from "./gen/fna/reports/v1/batch_status_service_pb.js";
import type { Interruptions } from "./interruptions.js";
import { silenceLimitMs } from "./silence.js";

const RESUME_TOKEN_EXPIRED = "RESUME_TOKEN_EXPIRED";
const REMEMBERED_BATCHES = 100_000;

/**
 * Continues by the token of the last message.
 *
 * The server may tell an event again after a resumption; it passes once as long as its batch is among the last 100,000
 * that had events.
 */
export class BatchesWatch implements Decisions<WatchBatchesRequest, WatchBatchesResponse> {
  readonly #request: WatchBatchesRequest;
  readonly #interruptions: Interruptions;
  /** The sequence of the newest event of each batch; the batch that was quiet for longest comes first. */
  readonly #last = new Map<string, bigint>();

  constructor(request: WatchBatchesRequest, interruptions: Interruptions) {
    this.#request = clone(WatchBatchesRequestSchema, request);
    this.#interruptions = interruptions;
  }

  get silenceLimitMs(): number {
    return silenceLimitMs(this.#request.heartbeatInterval);
  }

  request(): WatchBatchesRequest {
    return this.#request;
  }

  take({ events, resumeToken }: WatchBatchesResponse): BatchEvent[] {
    this.#interruptions.over();
    this.#request.resumeToken = resumeToken;
    return events.filter((event) => this.#passes(event));
  }

  /** Find nothing wrong: sequences of a filtered stream may have gaps. */
  check(): void {}

  waitAfter(error: ReportsError): number {
    if (error.reason === RESUME_TOKEN_EXPIRED && this.#request.resumeToken !== "") {
      this.#request.resumeToken = "";
      // A database that was restored gives the sequences after its backup a second time, to other events.
      this.#last.clear();
    } else {
      this.#interruptions.require(error);
    }
    return this.#interruptions.waitAfter(error);
  }

  #passes({ batchId, sequence, event }: BatchEvent): boolean {
    if (event.case === "progress" || event.case === "heartbeat") {
      return event.case === "progress";
    }
    const last = this.#last.get(batchId);
    if (event.case !== "snapshot" && last !== undefined && sequence <= last) {
      return false;
    }
    this.#remember(batchId, sequence);
    return true;
  }

  #remember(batchId: string, sequence: bigint): void {
    this.#last.delete(batchId);
    this.#last.set(batchId, sequence);
    if (this.#last.size > REMEMBERED_BATCHES) {
      const [quietest = ""] = this.#last.keys();
      this.#last.delete(quietest);
    }
  }
}
