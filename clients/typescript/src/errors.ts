/**
 * What a call to the service can throw.
 *
 *     ReportsError
 *     ├── InvalidRequestError     INVALID_ARGUMENT
 *     ├── NotFoundError           NOT_FOUND
 *     ├── ConflictError           ALREADY_EXISTS, ABORTED
 *     ├── PreconditionError       FAILED_PRECONDITION
 *     ├── OutOfRangeError         OUT_OF_RANGE
 *     ├── LimitExceededError      RESOURCE_EXHAUSTED
 *     ├── AccessDeniedError       UNAUTHENTICATED, PERMISSION_DENIED
 *     ├── DataLossError           DATA_LOSS
 *     ├── DeadlineExceededError   DEADLINE_EXCEEDED
 *     └── UnavailableError        UNAVAILABLE
 *
 * Any other status is a plain `ReportsError`. A call that its `signal` ended throws the reason of the signal.
 */

/** The names of the gRPC status codes, each at its number. */
export const STATUS_CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** The name of a gRPC status code. */
export type StatusCode = (typeof STATUS_CODES)[number];

/** What is wrong with one field of a request. */
export interface FieldViolation {
  /** Path of the field, for example `report_ids[3]`. */
  readonly field: string;
  /** What is wrong, and what to do. */
  readonly description: string;
}

/** One limit that a request exceeds. */
export interface QuotaViolation {
  /** What the limit is for. */
  readonly subject: string;
  /** The limit, and what to do. */
  readonly description: string;
}

/** What an error carries besides its text. */
export interface ErrorDetails {
  readonly code?: StatusCode | undefined;
  readonly reason?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly fieldViolations?: readonly FieldViolation[] | undefined;
  readonly quotaViolations?: readonly QuotaViolation[] | undefined;
  readonly retryDelayMs?: number | undefined;
  readonly cause?: unknown;
}

/** The call failed; `code` and `reason` tell why, in words that stay the same between releases. */
export class ReportsError extends Error {
  /** Name of the gRPC status code, also of a call over REST. */
  readonly code: StatusCode;
  /** Stable identifier of the cause; empty when the connection failed rather than the server refused. */
  readonly reason: string;
  /** Facts about the cause, for example `report_ids` of `REPORT_NOT_FOUND`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of the request that are wrong. */
  readonly fieldViolations: readonly FieldViolation[];
  /** The limits that the request exceeds. */
  readonly quotaViolations: readonly QuotaViolation[];
  /** How long the server asks to wait before another try. */
  readonly retryDelayMs: number | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code ?? "UNKNOWN";
    this.reason = details.reason ?? "";
    this.metadata = details.metadata ?? {};
    this.fieldViolations = details.fieldViolations ?? [];
    this.quotaViolations = details.quotaViolations ?? [];
    this.retryDelayMs = details.retryDelayMs;
  }
}

/** The request is wrong: correct the fields that `fieldViolations` name. Trying again does not help. */
export class InvalidRequestError extends ReportsError {}

/**
 * The batch, execution, report or analysis does not exist, or belongs to somebody else; `reason` tells which.
 *
 * With reason `REPORT_NOT_FOUND` of a submission, `metadata` has `report_ids` (the first 100) and `unknown_count`.
 */
export class NotFoundError extends ReportsError {}

/** Another call was first: the `requestId` was used with another payload, or the `etag` is out of date. */
export class ConflictError extends ReportsError {}

/** The status of the batch or report does not allow the call, for example a retry of a batch that still runs. */
export class PreconditionError extends ReportsError {}

/** The sequence to continue from is not one of this batch's history: watch without `afterSequence`. */
export class OutOfRangeError extends ReportsError {}

/** A limit would be exceeded: send less, or wait for `retryDelayMs` where it is set. */
export class LimitExceededError extends ReportsError {}

/** The credentials are missing, wrong, or not enough for this call. */
export class AccessDeniedError extends ReportsError {}

/** What arrived is not what was sent: upload again, or for a watch (reason `SEQUENCE_GAP`) tell the operator. */
export class DataLossError extends ReportsError {}

/** No answer came within the timeout. The call may have had its effect: repeat it with the same `requestId`. */
export class DeadlineExceededError extends ReportsError {}

/** The server cannot be reached, or went away, and did not come back within the timeout. */
export class UnavailableError extends ReportsError {}

const CLASSES: Partial<Record<StatusCode, typeof ReportsError>> = {
  INVALID_ARGUMENT: InvalidRequestError,
  NOT_FOUND: NotFoundError,
  ALREADY_EXISTS: ConflictError,
  ABORTED: ConflictError,
  FAILED_PRECONDITION: PreconditionError,
  OUT_OF_RANGE: OutOfRangeError,
  RESOURCE_EXHAUSTED: LimitExceededError,
  UNAUTHENTICATED: AccessDeniedError,
  PERMISSION_DENIED: AccessDeniedError,
  DATA_LOSS: DataLossError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  UNAVAILABLE: UnavailableError,
};

/** Return the error of the class that belongs to a code. */
export function reportsError(code: StatusCode, message: string, details: Omit<ErrorDetails, "code">): ReportsError {
  const kind = CLASSES[code] ?? ReportsError;
  return new kind(message || code, { ...details, code });
}
