/** The loop of a watch: one stream after the other, until one ends by itself. */

import { Code, ConnectError } from "@connectrpc/connect";

import { pause } from "./calls.js";
import type { Decisions } from "./decisions.js";
import { ReportsError, UnavailableError } from "./errors.js";
import type { BatchEvent } from "./gen/fna/reports/v1/batch_pb.js";
import { errorOf } from "./status.js";

/** Opens a stream of messages that ends when the signal says so. */
export type OpenStream<Request, Response> = (
  request: Request,
  options: { readonly signal: AbortSignal },
) => AsyncIterable<Response>;

/** Makes the decisions of a watch when its iteration begins. */
export type Begin<Request, Response> = () => Promise<Decisions<Request, Response>>;

/** Who is told of interruptions, and what ends the watch. */
export interface FollowOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onInterruption?: ((cause: ReportsError) => void) | undefined;
}

/** Yield the events of a watch, each once and in order, over as many streams as it takes. */
export async function* follow<Request, Response>(
  open: OpenStream<Request, Response>,
  begin: Begin<Request, Response>,
  { signal, onInterruption }: FollowOptions,
): AsyncGenerator<BatchEvent, void, undefined> {
  const decisions = await begin();
  for (;;) {
    signal?.throwIfAborted();
    const stream = new Stream(open, decisions, signal);
    let waitMs: number;
    let cause: ReportsError;
    try {
      for (let message = await stream.next(); message !== undefined; message = await stream.next()) {
        for (const event of decisions.take(message)) {
          yield event;
        }
        decisions.check();
      }
      return;
    } catch (thrown) {
      signal?.throwIfAborted();
      cause = thrown instanceof ReportsError ? thrown : errorOf(thrown);
      waitMs = decisions.waitAfter(cause);
    } finally {
      stream.end();
    }
    onInterruption?.(cause);
    await pause(waitMs, signal);
  }
}

/** The messages of one call, which is ended when it was silent for too long. */
class Stream<Request, Response> {
  readonly #limitMs: number;
  readonly #call = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #messages: AsyncIterator<Response>;
  #isSilent = false;

  constructor(
    open: OpenStream<Request, Response>,
    decisions: Decisions<Request, Response>,
    signal: AbortSignal | undefined,
  ) {
    this.#limitMs = decisions.silenceLimitMs;
    this.#signal = signal;
    signal?.addEventListener("abort", this.end);
    this.#messages = open(decisions.request(), { signal: this.#call.signal })[Symbol.asyncIterator]();
  }

  /** Return the next message, nothing at the end. Only the time spent waiting counts, not what the reader does. */
  async next(): Promise<Response | undefined> {
    const timer = setTimeout(this.#bark, this.#limitMs);
    try {
      const result = await this.#messages.next();
      return result.done === true ? undefined : result.value;
    } catch (thrown) {
      throw this.#isSilent ? new UnavailableError(this.#complaint, { code: "UNAVAILABLE" }) : thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  readonly end = (): void => {
    this.#signal?.removeEventListener("abort", this.end);
    this.#call.abort();
  };

  readonly #bark = (): void => {
    this.#isSilent = true;
    // The code tells the transport that the connection is not to be trusted any more.
    this.#call.abort(new ConnectError(this.#complaint, Code.Unavailable));
  };

  get #complaint(): string {
    return `the server sent nothing for ${this.#limitMs / 1000} s, not even a heartbeat`;
  }
}
