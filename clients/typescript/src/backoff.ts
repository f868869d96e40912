/** How long to wait before trying again. */

const INITIAL_MS = 100;
// Small enough that a server that was restarted is found again within about a second.
const LONGEST_MS = 1000;

/**
 * Waits that double from 0.1 s to 1 s, each shortened at random by up to half.
 *
 * The randomness keeps many clients of one server from coming back at the same moment. `fraction` returns a number from
 * 0 to 1.
 */
export class Backoff {
  readonly #fraction: () => number;
  #boundMs = INITIAL_MS;

  constructor(fraction: () => number = Math.random) {
    this.#fraction = fraction;
  }

  /** Start again with the shortest wait, since something worked. */
  reset(): void {
    this.#boundMs = INITIAL_MS;
  }

  /** Return the milliseconds to wait next: never less than the server asked for in `retryDelayMs`. */
  waitMs(retryDelayMs: number | undefined): number {
    const waitMs = this.#boundMs * (1 - this.#fraction() / 2);
    this.#boundMs = Math.min(this.#boundMs * 2, LONGEST_MS);
    return (retryDelayMs ?? 0) + waitMs;
  }
}
