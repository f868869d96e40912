/** Reads the answer to a submission. */

import { create } from "@bufbuild/protobuf";

import { NotFoundError } from "./errors.js";
import { type Batch, BatchSchema } from "./gen/fna/reports/v1/batch_pb.js";
import type { SubmitBatchResponse } from "./gen/fna/reports/v1/batch_submission_service_pb.js";

/**
 * Return the batch.
 *
 * Throws a `NotFoundError`, reason `REPORT_NOT_FOUND`, when a validation found unknown reports: the error that the
 * submission would have met, with all ids in `metadata.report_ids`, not only the first 100.
 */
export function submittedBatch(response: SubmitBatchResponse): Batch {
  const unknown = response.unknownReportIds;
  if (unknown.length > 0) {
    throw new NotFoundError(`${unknown.length} of the reports do not exist`, {
      code: "NOT_FOUND",
      reason: "REPORT_NOT_FOUND",
      metadata: { report_ids: unknown.join(","), unknown_count: String(unknown.length) },
    });
  }
  return response.batch ?? create(BatchSchema);
}
