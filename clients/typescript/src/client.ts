/** The client of the service, over any transport. */

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { v4 as uuid } from "uuid";

import { BatchesWatch } from "./batches_watch.js";
import { type Attempt, attempted, type CallOptions, once } from "./calls.js";
import { type Content, Document } from "./document.js";
import { follow } from "./following.js";
import { type Batch, type BatchEvent, type BatchItem, BatchView } from "./gen/fna/reports/v1/batch_pb.js";
import {
  type BatchResult,
  BatchStatusService,
  WatchBatchesRequestSchema,
  type WatchBatchRequest,
  WatchBatchRequestSchema,
} from "./gen/fna/reports/v1/batch_status_service_pb.js";
import { BatchSubmissionService } from "./gen/fna/reports/v1/batch_submission_service_pb.js";
import type { Report, ReportAnalysis } from "./gen/fna/reports/v1/report_pb.js";
import { type NarrativeDelta, ReportService } from "./gen/fna/reports/v1/report_service_pb.js";
import type { WebhookDelivery, WebhookSettings } from "./gen/fna/reports/v1/webhook_pb.js";
import { BatchHandle } from "./handle.js";
import { Interruptions } from "./interruptions.js";
import type {
  BatchFilterOptions,
  CancelOptions,
  ClientOptions,
  GetBatchOptions,
  ListBatchesOptions,
  ListItemsOptions,
  ListReportsOptions,
  RegisterOptions,
  RetryOptions,
  StreamOptions,
  SubmitFilesOptions,
  SubmitOptions,
  UploadOptions,
  WatchBatchesOptions,
  WatchOptions,
} from "./options.js";
import { pages } from "./pages.js";
import { submittedBatch } from "./submission.js";
import { Watch } from "./watch.js";

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Submits batches of reports and follows their progress.
 *
 * Made by `connect` of `fna-reports/node` or `fna-reports/browser`. A call that finds the server away (UNAVAILABLE) is
 * made again, with growing waits or the one that the server asks for, within its timeout. Every call throws a
 * `ReportsError`; its documentation names the kinds that a caller may want to tell apart. Results are the messages of
 * the contract, of `fna-reports/v1`.
 */
export class ReportsClient {
  readonly #submissions: Client<typeof BatchSubmissionService>;
  readonly #statuses: Client<typeof BatchStatusService>;
  readonly #reports: Client<typeof ReportService>;
  readonly #timeoutMs: number;
  readonly #reconnectTimeoutMs: number | undefined;
  readonly #onClose: () => void;

  /** Make a client of one's own transport of Connect. */
  constructor(transport: Transport, options: ClientOptions = {}) {
    this.#submissions = createClient(BatchSubmissionService, transport);
    this.#statuses = createClient(BatchStatusService, transport);
    this.#reports = createClient(ReportService, transport);
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#reconnectTimeoutMs = options.reconnectTimeoutMs;
    this.#onClose = options.onClose ?? (() => {});
  }

  /** Close the connection. Calls and watches that still run fail. */
  close(): void {
    this.#onClose();
  }

  /**
   * Upload a report and return it; content that the company already has returns the report that has it.
   *
   * Throws `InvalidRequestError`; `LimitExceededError` when there are more than 50 MiB; `DataLossError` when the content
   * was damaged on the way.
   */
  async upload(content: Content, options: UploadOptions): Promise<Report> {
    const document = await Document.read(content);
    const fileName = options.fileName ?? (content instanceof File ? content.name : "");
    const report = { ...about(options), fileName };
    const { report: uploaded } = await this.#call(options, (call) =>
      this.#reports.uploadReport(document.messages(report, options.onProgress), call),
    );
    return present(uploaded);
  }

  /**
   * Register a report whose content the server fetches from `sourceUri`, and return it.
   *
   * The URI lies under one of the storage roots that the operator configured.
   *
   * Throws `InvalidRequestError`; `LimitExceededError`; `ConflictError` when `requestId` was used otherwise.
   */
  async register(sourceUri: string, options: RegisterOptions): Promise<Report> {
    const report = { ...about(options), sourceUri, fileName: options.fileName ?? "" };
    const request = { report, requestId: options.requestId ?? uuid() };
    return present((await this.#call(options, (call) => this.#reports.registerReport(request, call))).report);
  }

  /** Return a report. Throws `NotFoundError`. */
  async getReport(reportId: string, options: CallOptions = {}): Promise<Report> {
    return present((await this.#call(options, (call) => this.#reports.getReport({ reportId }, call))).report);
  }

  /** Yield the reports, newest first. */
  reports(options: ListReportsOptions = {}): AsyncGenerator<Report, void, undefined> {
    const { companyId = "", statuses = [], pageSize = 0 } = options;
    return pages(async (pageToken) => {
      const request = { companyId, statuses: [...statuses], pageSize, pageToken };
      const page = await this.#call(options, (call) => this.#reports.listReports(request, call));
      return [page.reports, page.nextPageToken];
    });
  }

  /**
   * Return an analysis of a report, by default the newest completed one.
   *
   * Throws `NotFoundError`; `PreconditionError` while the first analysis is still running.
   */
  async getAnalysis(
    reportId: string,
    options: CallOptions & { readonly analysisId?: string | undefined } = {},
  ): Promise<ReportAnalysis> {
    const request = { reportId, analysisId: options.analysisId ?? "" };
    return present((await this.#call(options, (call) => this.#reports.getReportAnalysis(request, call))).analysis);
  }

  /**
   * Return how the narrative of a report differs from that of an earlier one, by default of the previous one.
   *
   * Throws `NotFoundError`, also when there is no earlier report; `PreconditionError` while a first analysis is still
   * running; `InvalidRequestError` when the other report is of another company.
   */
  async getDelta(
    reportId: string,
    options: CallOptions & { readonly baseReportId?: string | undefined } = {},
  ): Promise<NarrativeDelta> {
    const request = { reportId, baseReportId: options.baseReportId ?? "" };
    return present((await this.#call(options, (call) => this.#reports.getNarrativeDelta(request, call))).delta);
  }

  /**
   * Submit reports for analysis and return the batch at once: reports that are known by their ids, or files, which are
   * uploaded first, one after the other.
   *
   * Throws `InvalidRequestError`; `NotFoundError` when any report does not exist, with the ids in its `metadata`;
   * `ConflictError` when `requestId` was used for another submission; `LimitExceededError`.
   */
  async submit(reportIds: Iterable<string>, options?: SubmitOptions): Promise<BatchHandle>;
  async submit(files: Iterable<Blob>, options: SubmitFilesOptions): Promise<BatchHandle>;
  async submit(
    reports: Iterable<string | Blob>,
    options: SubmitOptions & Partial<SubmitFilesOptions> = {},
  ): Promise<BatchHandle> {
    const request = {
      // The overloads demand what the report of a file needs.
      reportIds: await this.#reportIds(reports, options as SubmitFilesOptions),
      requestId: options.requestId ?? uuid(),
      labels: { ...options.labels },
      ...(options.priority !== undefined && { priority: options.priority }),
      ...(options.executionTimeoutMs !== undefined && { executionTimeout: durationFromMs(options.executionTimeoutMs) }),
      webhookUrl: options.webhookUrl ?? "",
      validateOnly: options.validateOnly ?? false,
    };
    const response = await this.#call(options, (call) => this.#submissions.submitBatch(request, call));
    return this.#handle(submittedBatch(response));
  }

  /**
   * Request cancellation and return the batch, which may still be CANCELLING: watch it to see the end.
   *
   * Throws `NotFoundError`; `PreconditionError` when the batch had finished; `ConflictError` for the etag.
   */
  async cancel(batchId: string, options: CancelOptions = {}): Promise<Batch> {
    const request = { batchId, reason: options.reason ?? "", etag: options.etag ?? "" };
    return present((await this.#call(options, (call) => this.#submissions.cancelBatch(request, call))).batch);
  }

  /**
   * Start a new execution over the reports that did not succeed, or some of them, and return its handle.
   *
   * Throws `NotFoundError`; `PreconditionError` when the batch still runs or nothing is left to retry;
   * `InvalidRequestError` when a report is not of this batch; `ConflictError`.
   */
  async retry(batchId: string, options: RetryOptions = {}): Promise<BatchHandle> {
    const request = {
      batchId,
      reportIds: [...(options.reportIds ?? [])],
      requestId: options.requestId ?? uuid(),
      etag: options.etag ?? "",
    };
    const response = await this.#call(options, (call) => this.#submissions.retryBatch(request, call));
    return this.#handle(present(response.batch));
  }

  /** Return the handle of a batch that was submitted before, or of one of its executions. Asks the server nothing. */
  batch(batchId: string, taskId = ""): BatchHandle {
    return new BatchHandle(this, batchId, taskId);
  }

  /** Return a batch: the present one, or as an execution is or ended. Throws `NotFoundError`. */
  async getBatch(batchId: string, options: GetBatchOptions = {}): Promise<Batch> {
    const request = { batchId, taskId: options.taskId ?? "", ...(options.view && { view: options.view }) };
    return present((await this.#call(options, (call) => this.#statuses.getBatch(request, call))).batch);
  }

  /** Yield the batches, newest first, without their items. */
  batches(options: ListBatchesOptions = {}): AsyncGenerator<Batch, void, undefined> {
    const { pageSize = 0 } = options;
    const filter = filterOf(options);
    return pages(async (pageToken) => {
      const page = await this.#call(options, (call) => this.#statuses.listBatches({ filter, pageSize, pageToken }, call));
      return [page.batches, page.nextPageToken];
    });
  }

  /** Yield the items of a batch in the order of submission. Throws `NotFoundError`. */
  items(batchId: string, options: ListItemsOptions = {}): AsyncGenerator<BatchItem, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...selected(batchId, options), pageToken };
      const page = await this.#call(options, (call) => this.#statuses.listBatchItems(request, call));
      return [page.items, page.nextPageToken];
    });
  }

  /**
   * Yield the items of a batch with their reports and analyses, in the order of submission.
   *
   * May be called while the batch still runs: an item that did not succeed yet has no analysis. Throws `NotFoundError`.
   */
  results(batchId: string, options: ListItemsOptions = {}): AsyncGenerator<BatchResult, void, undefined> {
    return pages(async (pageToken) => {
      const request = { ...selected(batchId, options), pageToken };
      const page = await this.#call(options, (call) => this.#statuses.listBatchResults(request, call));
      return [page.results, page.nextPageToken];
    });
  }

  /**
   * Yield the events of a batch, each once and in order, until its execution is over. Leaving the loop ends the stream.
   * Without `taskId` the execution is the one that is current when the loop begins.
   *
   * Without `afterSequence` the first event is a `snapshot` of the present; with it come all events after that one.
   * `progress` events repeat a sequence and may be lost; heartbeats are not handed out.
   *
   * The watch continues by itself, after the last event that it handed out, when the server goes away, the connection
   * breaks, or nothing came for three times `heartbeatIntervalMs`. When the events in between are no longer kept, it
   * starts again with a `snapshot`, which replaces all that was known before.
   *
   * Throws `NotFoundError`; `OutOfRangeError` when `afterSequence` is after the newest event; `LimitExceededError` when
   * there are too many watchers at first, or for longer than the client's `reconnectTimeoutMs` later on;
   * `UnavailableError` when the server does not answer within `timeoutMs` or three heartbeat intervals at first,
   * whichever is longer, or `reconnectTimeoutMs` later on; `DataLossError` when the server leaves out an event however
   * often it is asked.
   */
  watch(batchId: string, options: WatchOptions = {}): AsyncGenerator<BatchEvent, void, undefined> {
    const begin = async (): Promise<Watch> => {
      const interruptions = this.#interruptions(options);
      return new Watch(await this.#watchRequest(batchId, options), interruptions);
    };
    return follow((next, call) => this.#statuses.watchBatch(next, call), begin, options);
  }

  /**
   * Yield the events of all batches that meet the given conditions, also of those submitted later, without end. Leaving
   * the loop ends the stream.
   *
   * It begins with a `snapshot` of every such batch that is not over. The events of one batch come in order, each once;
   * the watch continues by itself as that of one batch does. When the events in between are no longer kept, it starts
   * again with snapshots, which replace all that was known before.
   *
   * Throws `InvalidRequestError`; `LimitExceededError` and `UnavailableError` as {@link watch}.
   */
  watchBatches(options: WatchBatchesOptions = {}): AsyncGenerator<BatchEvent, void, undefined> {
    const request = create(WatchBatchesRequestSchema, { filter: filterOf(options), ...streamed(options) });
    const begin = async (): Promise<BatchesWatch> => new BatchesWatch(request, this.#interruptions(options));
    return follow((next, call) => this.#statuses.watchBatches(next, call), begin, options);
  }

  /** Return where webhooks go unless a batch says otherwise. */
  async getWebhookSettings(options: CallOptions = {}): Promise<WebhookSettings> {
    return present((await this.#call(options, (call) => this.#submissions.getWebhookSettings({}, call))).settings);
  }

  /**
   * Set the URL of batches that are submitted without one from now on; empty for none.
   *
   * Throws `InvalidRequestError`; `PreconditionError` when there is no secret to sign with yet.
   */
  async updateWebhookSettings(url: string, options: CallOptions = {}): Promise<WebhookSettings> {
    const response = await this.#call(options, (call) => this.#submissions.updateWebhookSettings({ url }, call));
    return present(response.settings);
  }

  /**
   * Make a new secret that webhooks are signed with, and return it: it is shown this once.
   *
   * The previous one counts for another 24 hours. Not made again by itself when the server is away: two new secrets
   * would leave nothing of the one in use.
   */
  async rotateWebhookSecret(options: CallOptions = {}): Promise<string> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    return (await once(options.signal, timeoutMs, (call) => this.#submissions.rotateWebhookSecret({}, call))).secret;
  }

  /** Return the webhooks of a batch with their attempts, the newest first, at most 100. Throws `NotFoundError`. */
  async webhookDeliveries(batchId: string, options: CallOptions = {}): Promise<WebhookDelivery[]> {
    return (await this.#call(options, (call) => this.#statuses.listWebhookDeliveries({ batchId }, call))).deliveries;
  }

  /** Deliver a webhook again, now, whatever its status. Throws `NotFoundError`. */
  async redeliverWebhook(batchId: string, deliveryId: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    const request = { batchId, deliveryId };
    return present((await this.#call(options, (call) => this.#submissions.redeliverWebhook(request, call))).delivery);
  }

  async #reportIds(reports: Iterable<string | Blob>, options: SubmitFilesOptions): Promise<string[]> {
    const ids: string[] = [];
    for (const report of reports) {
      if (typeof report === "string") {
        ids.push(report);
        continue;
      }
      const { reportId } = await this.upload(report, options);
      // The same content twice is one report.
      if (!ids.includes(reportId)) {
        ids.push(reportId);
      }
    }
    return ids;
  }

  #handle(batch: Batch): BatchHandle {
    return new BatchHandle(this, batch.batchId, batch.taskId, batch);
  }

  async #watchRequest(batchId: string, options: WatchOptions): Promise<WatchBatchRequest> {
    const { afterSequence, taskId = "" } = options;
    if (afterSequence === undefined) {
      return create(WatchBatchRequestSchema, { batchId, taskId, ...streamed(options) });
    }
    // No snapshot will say which execution it is: a watch that is cut while its batch is retried would go on with the
    // next one.
    const execution = taskId || (await this.getBatch(batchId, { ...options, view: BatchView.BASIC })).taskId;
    const after = { taskId: execution, afterSequence: BigInt(afterSequence) };
    return create(WatchBatchRequestSchema, { batchId, ...after, ...streamed(options) });
  }

  #interruptions(options: CallOptions): Interruptions {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    return new Interruptions({ timeoutMs, reconnectTimeoutMs: this.#reconnectTimeoutMs });
  }

  #call<T>(options: CallOptions, attempt: Attempt<T>): Promise<T> {
    return attempted(options.signal, options.timeoutMs ?? this.#timeoutMs, attempt);
  }
}

function about(options: RegisterOptions | UploadOptions) {
  return {
    companyId: options.companyId,
    reportType: options.reportType,
    title: options.title ?? "",
    fiscalPeriod: options.fiscalPeriod ?? "",
    filingDate: options.filingDate ?? "",
    contentType: options.contentType ?? "",
  };
}

function selected(batchId: string, { taskId = "", statuses = [], pageSize = 0 }: ListItemsOptions) {
  return { batchId, taskId, statuses: [...statuses], pageSize };
}

function filterOf({ statuses = [], labels = {}, batchIds = [] }: BatchFilterOptions) {
  return { statuses: [...statuses], labels: { ...labels }, batchIds: [...batchIds] };
}

function streamed({ heartbeatIntervalMs, excludeItemEvents = false }: StreamOptions) {
  return {
    ...(heartbeatIntervalMs !== undefined && { heartbeatInterval: durationFromMs(heartbeatIntervalMs) }),
    excludeItemEvents,
  };
}

/** Return what every answer of the server has, and the types of the contract leave open. */
function present<T>(message: T | undefined): T {
  if (message === undefined) {
    throw new TypeError("the answer of the server is empty: is it one of FNA Reports?");
  }
  return message;
}
