/** Asks the program for what an attempt needs. */

import { Code, ConnectError } from "@connectrpc/connect";

/**
 * Return what the function returns.
 *
 * Throws UNAVAILABLE for what it throws, unless that is a `ConnectError`: who gives out tokens may be away for a moment
 * as the server may, and the same helps against both.
 */
export async function asked<T>(what: string, ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof ConnectError) {
      throw thrown;
    }
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ConnectError(`the ${what} could not be had: ${why}`, Code.Unavailable, undefined, [], thrown);
  }
}
