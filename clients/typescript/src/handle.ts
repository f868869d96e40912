/** A batch that was submitted, and what one does with it. */

import type { CallOptions } from "./calls.js";
import type { ReportsClient } from "./client.js";
import { type Batch, type BatchEvent, BatchView } from "./gen/fna/reports/v1/batch_pb.js";
import type { BatchResult } from "./gen/fna/reports/v1/batch_status_service_pb.js";
import type { CancelOptions, EventsOptions, RetryOptions } from "./options.js";

/** What an execution came to. */
export interface BatchOutcome {
  /** The batch as the execution left it, without its items. */
  readonly batch: Batch;
  /** Its reports with their analyses, in the order of submission. */
  readonly results: BatchResult[];
}

/** One execution of a batch; made by `submit`, `retry` and `batch`. */
export class BatchHandle {
  /** Identifier of the batch; empty when it was only validated. */
  readonly batchId: string;
  /** Identifier of the execution; empty stands for the one that is current when something is asked. */
  readonly taskId: string;
  /** The batch as the call that made this handle returned it, if one did. */
  readonly message: Batch | undefined;
  readonly #client: ReportsClient;

  constructor(client: ReportsClient, batchId: string, taskId: string, message?: Batch) {
    this.#client = client;
    this.batchId = batchId;
    this.taskId = taskId;
    this.message = message;
  }

  /**
   * Yield what happens to the execution after `message` until it is over; see {@link ReportsClient.watch}.
   *
   * So nothing is missed, and no `snapshot` comes unless the history is no longer kept, or the handle has no `message`.
   * `afterSequence` begins elsewhere; 0 is the whole history.
   */
  events(options: EventsOptions = {}): AsyncGenerator<BatchEvent, void, undefined> {
    const afterSequence = options.afterSequence ?? this.message?.lastSequence;
    return this.#client.watch(this.batchId, { ...options, afterSequence, taskId: this.taskId });
  }

  /** Wait until the execution is over and return what it came to, however long that takes. */
  async result(options: CallOptions = {}): Promise<BatchOutcome> {
    let { taskId } = this;
    for await (const { event } of this.events({ ...options, excludeItemEvents: true })) {
      if (event.case === "snapshot") {
        taskId = event.value.taskId;
      }
    }
    const batch = await this.#client.getBatch(this.batchId, { ...options, taskId, view: BatchView.BASIC });
    const results = await Array.fromAsync(this.#client.results(this.batchId, { ...options, taskId }));
    return { batch, results };
  }

  /** Request cancellation; see {@link ReportsClient.cancel}. */
  async cancel(options: CancelOptions = {}): Promise<Batch> {
    return this.#client.cancel(this.batchId, options);
  }

  /** Start a new execution over the reports that did not succeed, and return its handle. */
  async retry(options: RetryOptions = {}): Promise<BatchHandle> {
    return this.#client.retry(this.batchId, options);
  }
}
