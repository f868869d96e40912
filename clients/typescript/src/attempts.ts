/** The attempts of one call, within its timeout. */

import { Backoff } from "./backoff.js";
import { type ReportsError, UnavailableError } from "./errors.js";

/** What a test sets and nobody else. */
export interface Chance {
  readonly backoff?: Backoff;
  readonly clockMs?: () => number;
}

/**
 * Decides after each failed attempt whether there is another one, and when.
 *
 * Only UNAVAILABLE is tried again: it is safe, since reads change nothing and writes carry a `request_id` or are
 * idempotent by themselves.
 */
export class Attempts {
  readonly #backoff: Backoff;
  readonly #clockMs: () => number;
  readonly #endsAtMs: number;

  constructor(timeoutMs: number, chance: Chance = {}) {
    this.#backoff = chance.backoff ?? new Backoff();
    this.#clockMs = chance.clockMs ?? (() => performance.now());
    this.#endsAtMs = this.#clockMs() + timeoutMs;
  }

  /** Return the milliseconds left for the call, waits included. */
  remainingMs(): number {
    return this.#endsAtMs - this.#clockMs();
  }

  /** Return the milliseconds to wait before the next attempt; throw the error when there should be none. */
  waitAfter(error: ReportsError): number {
    if (!(error instanceof UnavailableError)) {
      throw error;
    }
    const waitMs = this.#backoff.waitMs(error.retryDelayMs);
    if (waitMs >= this.remainingMs()) {
      throw error;
    }
    return waitMs;
  }
}
