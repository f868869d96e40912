/**
 * Client of FNA Reports: submit batches of company reports and follow their progress.
 *
 * A client is made by `connect` of `fna-reports/node` or `fna-reports/browser`; the messages of the contract are in
 * `fna-reports/v1`.
 *
 * @packageDocumentation
 */

export type { CallOptions } from "./calls.js";
export { ReportsClient } from "./client.js";
export { COMPANY_NAMESPACE, companyId } from "./company.js";
export { type Content, MAX_CONTENT_BYTES, type ProgressCallback } from "./document.js";
export {
  AccessDeniedError,
  ConflictError,
  DataLossError,
  DeadlineExceededError,
  type ErrorDetails,
  type FieldViolation,
  InvalidRequestError,
  LimitExceededError,
  NotFoundError,
  OutOfRangeError,
  PreconditionError,
  type QuotaViolation,
  ReportsError,
  type StatusCode,
  UnavailableError,
} from "./errors.js";
export { BatchItemStatus, BatchStatus, BatchView } from "./gen/fna/reports/v1/batch_pb.js";
export { ReportStatus, ReportType } from "./gen/fna/reports/v1/report_pb.js";
export { BatchHandle, type BatchOutcome } from "./handle.js";
export type * from "./options.js";
export { statusError } from "./status.js";
