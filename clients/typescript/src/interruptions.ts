/** How long a watch puts up with a server that is away. */

import type { Chance } from "./attempts.js";
import { Backoff } from "./backoff.js";
import { type ReportsError, type StatusCode, UnavailableError } from "./errors.js";

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

/** Decides after each end of a stream that was none whether it is called again, and when. */
export class Interruptions {
  readonly #reconnectTimeoutMs: number | undefined;
  readonly #backoff: Backoff;
  readonly #clockMs: () => number;
  #patienceMs: number | undefined;
  #downSinceMs: number | undefined;
  #hasDelivered = false;

  constructor(patience: Patience, chance: Chance = {}) {
    this.#patienceMs = patience.timeoutMs;
    this.#reconnectTimeoutMs = patience.reconnectTimeoutMs;
    this.#backoff = chance.backoff ?? new Backoff();
    this.#clockMs = chance.clockMs ?? (() => performance.now());
    this.#downSinceMs = this.#clockMs();
  }

  /** Note that something came, which ends an interruption. */
  over(): void {
    this.#hasDelivered = true;
    this.#downSinceMs = undefined;
    this.#patienceMs = this.#reconnectTimeoutMs;
    this.#backoff.reset();
  }

  /**
   * Throw the error unless it is an interruption, rather than the server's word.
   *
   * A server that says when to come again, as to a watch that reads too slowly, interrupts what it had begun to send.
   */
  require(error: ReportsError): void {
    if (error instanceof UnavailableError || (this.#hasDelivered && error.retryDelayMs !== undefined)) {
      return;
    }
    if (!CUTS.has(error.code) || error.reason !== "" || this.#downSinceMs !== undefined) {
      throw error;
    }
  }

  /** Return the milliseconds to wait before the next call; throw the error when the server was away for too long. */
  waitAfter(error: ReportsError): number {
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
