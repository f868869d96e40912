/** The loop of a watch: one stream after the other, until the execution of the batch is over. */

import { Code, ConnectError } from "@connectrpc/connect";

import { pause } from "./calls.js";
import { ReportsError } from "./errors.js";
import type { BatchEvent } from "./gen/fna/reports/v1/batch_pb.js";
import type { WatchBatchRequest, WatchBatchResponse } from "./gen/fna/reports/v1/batch_status_service_pb.js";
import { errorOf } from "./status.js";
import type { Watch } from "./watch.js";

/** Opens a stream of messages that ends when the signal says so. */
export type OpenStream = (
  request: WatchBatchRequest,
  options: { readonly signal: AbortSignal },
) => AsyncIterable<WatchBatchResponse>;

/** Who is told of interruptions, and what ends the watch. */
export interface FollowOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onInterruption?: ((cause: ReportsError) => void) | undefined;
}

/** Yield the events of a batch, each once and in order, over as many streams as it takes. */
export async function* follow(
  open: OpenStream,
  watch: Watch,
  { signal, onInterruption }: FollowOptions,
): AsyncGenerator<BatchEvent, void, undefined> {
  for (;;) {
    signal?.throwIfAborted();
    const stream = new Stream(open, watch, signal);
    let waitMs: number;
    let cause: ReportsError;
    try {
      for (let message = await stream.next(); message !== undefined; message = await stream.next()) {
        for (const event of watch.take(message)) {
          yield event;
        }
        watch.check();
      }
      return;
    } catch (thrown) {
      signal?.throwIfAborted();
      cause = thrown instanceof ReportsError ? thrown : errorOf(thrown);
      waitMs = watch.waitAfter(cause);
    } finally {
      stream.end();
    }
    onInterruption?.(cause);
    await pause(waitMs, signal);
  }
}

/** The messages of one call, which is ended when it was silent for too long. */
class Stream {
  readonly #watch: Watch;
  readonly #call = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #messages: AsyncIterator<WatchBatchResponse>;
  #isSilent = false;

  constructor(open: OpenStream, watch: Watch, signal: AbortSignal | undefined) {
    this.#watch = watch;
    this.#signal = signal;
    signal?.addEventListener("abort", this.end);
    this.#messages = open(watch.request(), { signal: this.#call.signal })[Symbol.asyncIterator]();
  }

  /** Return the next message, nothing at the end. Only the time spent waiting counts, not what the reader does. */
  async next(): Promise<WatchBatchResponse | undefined> {
    const timer = setTimeout(this.#bark, this.#watch.silenceLimitMs);
    try {
      const result = await this.#messages.next();
      return result.done === true ? undefined : result.value;
    } catch (thrown) {
      throw this.#isSilent ? this.#watch.silent() : thrown;
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
    this.#call.abort(new ConnectError(this.#watch.silent().message, Code.Unavailable));
  };
}
