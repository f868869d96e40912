/** Where a watch stands in the history of its batch. */

import type { BatchEvent } from "./gen/fna/reports/v1/batch_pb.js";

/** Lets every event of a batch pass once, in order, however often the stream that brings them is cut. */
export class Position {
  /** The sequence of the newest event that passed; not set before the first one. */
  last: bigint | undefined;
  /** The sequence that came where `last + 1` should have. Nothing passes after it until `resume` is called. */
  gap: bigint | undefined;
  readonly #gapless: boolean;

  constructor(last: bigint | undefined, options: { readonly gapless?: boolean } = {}) {
    this.last = last;
    this.#gapless = options.gapless ?? true;
  }

  /** Return the events that are new, heartbeats left out, and move past them. */
  take(events: readonly BatchEvent[]): BatchEvent[] {
    return events.filter((event) => this.gap === undefined && this.#passes(event));
  }

  /** Continue after a gap, on a stream that starts at `last` again. */
  resume(): void {
    this.gap = undefined;
  }

  /** Forget the position: the next event is the snapshot of a new beginning. */
  restart(): void {
    this.last = undefined;
    this.gap = undefined;
  }

  #passes(event: BatchEvent): boolean {
    const kind = event.event.case;
    const sequence = event.sequence;
    if (kind === "progress") {
      return true; // Not part of the history: it repeats a sequence and moves nothing.
    }
    if (kind === "heartbeat") {
      this.#hear(sequence);
      return false;
    }
    if (this.last !== undefined) {
      if (sequence <= this.last) {
        return false;
      }
      if (sequence !== this.last + 1n && this.#gapless && kind !== "snapshot") {
        this.gap = sequence;
        return false;
      }
    }
    this.last = sequence;
    return true;
  }

  /** Note the sequence of a heartbeat: a later one than `last` says that events were left out, or were lost. */
  #hear(sequence: bigint): void {
    if (this.last === undefined || sequence <= this.last) {
      return;
    }
    if (this.#gapless) {
      this.gap = sequence;
    } else {
      this.last = sequence;
    }
  }
}
