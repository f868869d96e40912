/** What a watch decides between two messages of a stream. */

import type { ReportsError } from "./errors.js";
import type { BatchEvent } from "./gen/fna/reports/v1/batch_pb.js";

/**
 * What a watch does between two messages of a stream, without the waiting.
 *
 * A loop asks `request()` for the next call, passes every message to `take()` and then calls `check()`, and hands what
 * these or the call throw to `waitAfter()`, which says how long to wait before the next call.
 */
export interface Decisions<Request, Response> {
  /** After so long without a message the connection is taken for dead. */
  readonly silenceLimitMs: number;

  /** Return the request of the next call, which continues after the last event that was handed out. */
  request(): Request;

  /** Return what to hand out of a message. */
  take(response: Response): BatchEvent[];

  /** Throw a `DataLossError` when the stream left out an event, so that it is dropped and resumed. */
  check(): void;

  /**
   * Return the milliseconds to wait before the next call; throw the error itself when another call does not help, or
   * the server was away for too long.
   */
  waitAfter(error: ReportsError): number;
}
