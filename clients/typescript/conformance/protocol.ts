/** What both drivers do: call the client as lines of JSON say, and answer in lines of JSON. */

import {
  createRegistry,
  type DescEnum,
  type DescMessage,
  type JsonValue,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";

import { type ReportsClient, ReportsError, type StreamOptions } from "../src/index.js";
import {
  type BatchEvent,
  BatchEventSchema,
  BatchItemSchema,
  BatchItemStatusSchema,
  BatchResultSchema,
  BatchSchema,
  BatchStatusSchema,
  file_google_rpc_error_details,
  ReportAnalysisSchema,
  ReportSchema,
  ReportTypeSchema,
} from "../src/v1.js";
import type { BatchItemStatus, BatchStatus, ReportType } from "../src/v1.js";

// What the error of an item is packed from.
const REGISTRY = createRegistry(file_google_rpc_error_details);

interface Call {
  readonly id: number;
  readonly call: string;
  readonly arguments: Arguments;
}

/** The arguments of a call, by their names in the protocol; which there are depends on the call. */
interface Arguments {
  readonly batch_id: string;
  readonly report_id: string;
  readonly content: string;
  readonly file_name: string;
  readonly company_id: string;
  readonly report_type: string;
  readonly call: number;
  readonly report_ids?: string[];
  readonly batch_ids?: string[];
  readonly title?: string;
  readonly fiscal_period?: string;
  readonly filing_date?: string;
  readonly request_id?: string;
  readonly labels?: Record<string, string>;
  readonly priority?: number;
  readonly validate_only?: boolean;
  readonly reason?: string;
  readonly etag?: string;
  readonly task_id?: string;
  readonly statuses?: string[];
  readonly page_size?: number;
  readonly after_sequence?: number;
  readonly heartbeat_seconds?: number;
}

type Handler = (given: Arguments) => Promise<JsonValue>;
type Watch = (given: Arguments, options: StreamOptions) => AsyncIterable<BatchEvent>;

/** Makes calls with one client, several at a time. */
export class Driver {
  readonly #client: ReportsClient;
  readonly #print: (line: string) => void;
  readonly #watches = new Map<number, AbortController>();

  constructor(client: ReportsClient, print: (line: string) => void) {
    this.#client = client;
    this.#print = print;
  }

  /** Take a line and begin what it says. */
  send(line: string): void {
    let call: Call;
    try {
      call = JSON.parse(line) as Call;
    } catch {
      this.#answer({ id: null, error: unimplemented("the line is no JSON") });
      return;
    }
    void this.#run(call).then(
      (answer) => this.#answer({ id: call.id, ...answer }),
      (error: unknown) => this.#answer({ id: call.id, error: described(error) }),
    );
  }

  #answer(answer: JsonValue): void {
    this.#print(JSON.stringify(answer));
  }

  async #run({ id, call, arguments: given }: Call): Promise<{ [key: string]: JsonValue }> {
    const watch = this.#watchCalls[call];
    if (watch !== undefined) {
      await this.#watch(id, watch, given);
      return { done: true };
    }
    const handler = this.#handlers[call];
    return handler === undefined
      ? { error: unimplemented(`there is no call ${call}`) }
      : { result: await handler(given ?? {}) };
  }

  async #watch(id: number, watch: Watch, given: Arguments): Promise<void> {
    const stop = new AbortController();
    this.#watches.set(id, stop);
    const events = watch(given, {
      signal: stop.signal,
      onInterruption: (cause) => this.#answer({ id, interrupted: described(cause) }),
    });
    try {
      for await (const event of events) {
        this.#answer({ id, event: eventJson(event) });
      }
    } catch (error) {
      if (!stop.signal.aborted) {
        throw error;
      }
    } finally {
      this.#watches.delete(id);
    }
  }

  /** Consume a watch to its end and answer with how many events it had, and how long that took. */
  async #count(given: Arguments): Promise<JsonValue> {
    const began = performance.now();
    let [count, last] = [0, 0n];
    for await (const event of this.#client.watch(given.batch_id, watchOptions(given))) {
      count += 1;
      last = event.sequence;
    }
    return { count, last_sequence: Number(last), seconds: (performance.now() - began) / 1000 };
  }

  readonly #watchCalls: Readonly<Record<string, Watch>> = {
    watch: (given, options) => this.#client.watch(given.batch_id, { ...watchOptions(given), ...options }),
    watch_batches: (given, options) =>
      this.#client.watchBatches({
        statuses: given.statuses?.map((name) => enumValue(BatchStatusSchema, name) as BatchStatus),
        labels: given.labels,
        batchIds: given.batch_ids,
        heartbeatIntervalMs: heartbeatMs(given),
        ...options,
      }),
  };

  readonly #handlers: Readonly<Record<string, Handler>> = {
    upload: async (given) =>
      json(
        ReportSchema,
        await this.#client.upload(given.content, {
          fileName: given.file_name,
          companyId: given.company_id,
          reportType: enumValue(ReportTypeSchema, given.report_type) as ReportType,
          title: given.title,
          fiscalPeriod: given.fiscal_period,
          filingDate: given.filing_date,
        }),
      ),
    get_report: async (given) => json(ReportSchema, await this.#client.getReport(given.report_id)),
    list_reports: async (given) => ({
      reports: await list(
        ReportSchema,
        this.#client.reports({ companyId: given.company_id, pageSize: given.page_size }),
      ),
    }),
    get_analysis: async (given) => json(ReportAnalysisSchema, await this.#client.getAnalysis(given.report_id)),
    submit: async (given) => {
      const batch = await this.#client.submit(given.report_ids ?? [], {
        requestId: given.request_id,
        labels: given.labels,
        priority: given.priority,
        validateOnly: given.validate_only,
      });
      return batch.message === undefined ? {} : json(BatchSchema, batch.message);
    },
    cancel: async (given) =>
      json(BatchSchema, await this.#client.cancel(given.batch_id, { reason: given.reason, etag: given.etag })),
    retry: async (given) => {
      const options = { reportIds: given.report_ids, requestId: given.request_id, etag: given.etag };
      const batch = await this.#client.retry(given.batch_id, options);
      return batch.message === undefined ? {} : json(BatchSchema, batch.message);
    },
    get_batch: async (given) =>
      json(BatchSchema, await this.#client.getBatch(given.batch_id, { taskId: given.task_id })),
    list_batches: async (given) => ({
      batches: await list(BatchSchema, this.#client.batches({ labels: given.labels, pageSize: given.page_size })),
    }),
    list_items: async (given) => ({
      items: await list(BatchItemSchema, this.#client.items(given.batch_id, selection(given))),
    }),
    list_results: async (given) => ({
      results: await list(BatchResultSchema, this.#client.results(given.batch_id, selection(given))),
    }),
    count: (given) => this.#count(given),
    stop: async (given) => {
      this.#watches.get(given.call)?.abort();
      return {};
    },
  };
}

function watchOptions(given: Arguments) {
  return { taskId: given.task_id, afterSequence: given.after_sequence, heartbeatIntervalMs: heartbeatMs(given) };
}

function heartbeatMs({ heartbeat_seconds: seconds }: Arguments): number | undefined {
  return seconds && seconds * 1000;
}

function selection(given: Arguments) {
  const statuses = given.statuses?.map((name) => enumValue(BatchItemStatusSchema, name) as BatchItemStatus);
  return { taskId: given.task_id, pageSize: given.page_size, statuses };
}

function enumValue(schema: DescEnum, name: string): number {
  return schema.values.find((value) => value.name === name)?.number ?? 0;
}

async function list<Desc extends DescMessage>(
  schema: Desc,
  messages: AsyncIterable<MessageShape<Desc>>,
): Promise<JsonValue[]> {
  const found: JsonValue[] = [];
  for await (const message of messages) {
    found.push(json(schema, message));
  }
  return found;
}

function eventJson(event: BatchEvent): JsonValue {
  return json(BatchEventSchema, event);
}

function json<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): JsonValue {
  return toJson(schema, message, { useProtoFieldName: true, registry: REGISTRY });
}

function described(error: unknown): JsonValue {
  if (!(error instanceof ReportsError)) {
    return { ...unimplemented(String(error)), code: "UNKNOWN" };
  }
  return {
    code: error.code,
    reason: error.reason,
    message: error.message,
    metadata: { ...error.metadata },
    fields: error.fieldViolations.map(({ field, description }) => ({ field, description })),
    retry_delay_seconds: error.retryDelayMs === undefined ? null : error.retryDelayMs / 1000,
  };
}

function unimplemented(message: string): { [key: string]: JsonValue } {
  return { code: "UNIMPLEMENTED", reason: "", message, metadata: {}, fields: [], retry_delay_seconds: null };
}
