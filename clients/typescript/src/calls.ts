/** Calls that are made again while the server is away. */

import { Attempts } from "./attempts.js";
import type { ReportsError } from "./errors.js";
import { errorOf } from "./status.js";

/** What every call takes. */
export interface CallOptions {
  /** Ends the call, which then throws the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** Longest time of the call, all its attempts included; by default that of the client. */
  readonly timeoutMs?: number | undefined;
}

/** How one attempt is made: options of a call of Connect. */
export interface AttemptOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs: number;
}

/** Makes one attempt. */
export type Attempt<T> = (options: AttemptOptions) => Promise<T>;

/** Make attempts until one succeeds, within `timeoutMs`; throw the error of the last one when none does. */
export async function attempted<T>(signal: AbortSignal | undefined, timeoutMs: number, attempt: Attempt<T>): Promise<T> {
  const attempts = new Attempts(timeoutMs);
  for (;;) {
    let waitMs: number;
    try {
      return await once(signal, attempts.remainingMs(), attempt);
    } catch (thrown) {
      waitMs = attempts.waitAfter(thrown as ReportsError);
    }
    await pause(waitMs, signal);
  }
}

/** Make one attempt; throw its error, or the reason of the signal. */
export async function once<T>(signal: AbortSignal | undefined, timeoutMs: number, attempt: Attempt<T>): Promise<T> {
  signal?.throwIfAborted();
  try {
    // A timeout of 0 means none to Connect, and it counts in whole milliseconds.
    return await attempt({ ...(signal && { signal }), timeoutMs: Math.max(Math.ceil(timeoutMs), 1) });
  } catch (thrown) {
    signal?.throwIfAborted();
    throw errorOf(thrown);
  }
}

/** Wait; throw the reason of the signal when it comes first. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  // It says nothing to those who listen only now.
  signal?.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const timer = setTimeout(wake, milliseconds);
  signal?.addEventListener("abort", wake);
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", wake);
  signal?.throwIfAborted();
}
