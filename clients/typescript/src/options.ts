/** The options of the client's calls. */

import type { CallOptions } from "./calls.js";
import type { ProgressCallback } from "./document.js";
import type { ReportsError } from "./errors.js";
import type { BatchItemStatus, BatchStatus, BatchView } from "./gen/fna/reports/v1/batch_pb.js";
import type { ReportStatus, ReportType } from "./gen/fna/reports/v1/report_pb.js";

/** The options of a client. */
export interface ClientOptions {
  /** Longest time of each call, all its attempts included; 30 seconds by default. */
  readonly timeoutMs?: number | undefined;
  /** How long a watch tries to continue after an interruption; for ever by default. */
  readonly reconnectTimeoutMs?: number | undefined;
  /** Called by `close`: ends what the transport holds. */
  readonly onClose?: (() => void) | undefined;
}

/** What a report is. */
export interface ReportOptions {
  /** UUID of the company; `companyId` makes one from a name. */
  readonly companyId: string;
  /** Type of the report. */
  readonly reportType: ReportType;
  readonly title?: string | undefined;
  /** `Q1 2024` to `Q4 2024`, or `FY 2024`. */
  readonly fiscalPeriod?: string | undefined;
  /** `YYYY-MM-DD`. */
  readonly filingDate?: string | undefined;
  /** A hint; the server finds out the format by itself. */
  readonly contentType?: string | undefined;
}

/** The options of an upload. */
export interface UploadOptions extends ReportOptions, CallOptions {
  /** Name of the file; by default that of a `File`. */
  readonly fileName?: string | undefined;
  /** Told after every piece. Over REST the pieces are gathered first, since `fetch` tells nothing of what it sent. */
  readonly onProgress?: ProgressCallback | undefined;
}

/** Makes repeated calls one. */
export interface IdempotentOptions extends CallOptions {
  /** A UUID that makes repeated calls one, even over a restart of the program; by default made once per call. */
  readonly requestId?: string | undefined;
}

/** The options of a registration. */
export interface RegisterOptions extends ReportOptions, IdempotentOptions {
  readonly fileName?: string | undefined;
}

/** The options of a submission. */
export interface SubmitOptions extends IdempotentOptions {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** 0 (last) to 9 (first). */
  readonly priority?: number | undefined;
  /** Items that have not started by then fail. */
  readonly executionTimeoutMs?: number | undefined;
  /** Where to send a signed webhook when the batch is over. */
  readonly webhookUrl?: string | undefined;
  /** Check and submit nothing: the batch then has no identifiers. */
  readonly validateOnly?: boolean | undefined;
}

/** The options of a submission of files. */
export interface SubmitFilesOptions extends SubmitOptions, ReportOptions {}

/** The options of a cancellation. */
export interface CancelOptions extends CallOptions {
  /** Why, for people; kept with the batch. */
  readonly reason?: string | undefined;
  /** The call fails unless the batch is still this version. */
  readonly etag?: string | undefined;
}

/** The options of a retry. */
export interface RetryOptions extends IdempotentOptions {
  /** Only these of the reports that did not succeed. */
  readonly reportIds?: Iterable<string> | undefined;
  /** The call fails unless the batch is still this version. */
  readonly etag?: string | undefined;
}

/** Which execution of a batch is meant. */
export interface ExecutionOptions extends CallOptions {
  /** As this execution is or ended; by default the current one. */
  readonly taskId?: string | undefined;
}

/** The options of reading a batch. */
export interface GetBatchOptions extends ExecutionOptions {
  /** How much to return; by default with the first 1,000 items. */
  readonly view?: BatchView | undefined;
}

/** The options of a list. Pages are fetched as they are needed. */
export interface PageOptions extends CallOptions {
  /** How many to fetch at a time; by default the server decides. */
  readonly pageSize?: number | undefined;
}

/** Which reports to list: those that meet all of the given conditions. */
export interface ListReportsOptions extends PageOptions {
  readonly companyId?: string | undefined;
  readonly statuses?: readonly ReportStatus[] | undefined;
}

/** Which batches are meant: those that meet all of the given conditions. */
export interface BatchFilterOptions {
  readonly statuses?: readonly BatchStatus[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly batchIds?: readonly string[] | undefined;
}

/** Which batches to list. */
export interface ListBatchesOptions extends BatchFilterOptions, PageOptions {}

/** Which items or results of a batch to list. */
export interface ListItemsOptions extends ExecutionOptions, PageOptions {
  readonly statuses?: readonly BatchItemStatus[] | undefined;
}

/** The options of every watch. */
export interface StreamOptions extends CallOptions {
  /** Longest silence of the server, 1 to 60 seconds; 15 by default. After three of them the connection is dropped. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** Leave out `itemChanged`, `itemsChanged` and `progress`. */
  readonly excludeItemEvents?: boolean | undefined;
  /** Told the cause whenever the watch was interrupted and will go on by itself. */
  readonly onInterruption?: ((cause: ReportsError) => void) | undefined;
}

/** The options of a watch of one execution. */
export interface EventsOptions extends StreamOptions {
  /** Continue after this event; 0 is the whole history. Without it the first event is a snapshot of the present. */
  readonly afterSequence?: bigint | number | undefined;
}

/** The options of a watch of one batch. */
export interface WatchOptions extends EventsOptions, ExecutionOptions {}

/** The options of a watch of all batches that match. */
export interface WatchBatchesOptions extends BatchFilterOptions, StreamOptions {}
