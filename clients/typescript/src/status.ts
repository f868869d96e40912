/** Reads a `google.rpc.Status`, of a failed call or inside a message, into an error of `errors.ts`. */

import { type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import { type ReportsError, reportsError, STATUS_CODES } from "./errors.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import type { Status } from "./gen/google/rpc/status_pb.js";

/** Finds the detail of a kind, if a status has one that can be read. */
type Find = <Desc extends DescMessage>(schema: Desc) => MessageShape<Desc> | undefined;

/** Return the error for whatever a transport threw. */
export function errorOf(thrown: unknown): ReportsError {
  const failure = ConnectError.from(thrown);
  return error(failure.code, failure.rawMessage, (schema) => failure.findDetails(schema)[0], failure);
}

/** Return the error that a message carries, as the `error` of an item does. */
export function statusError(status: Status): ReportsError {
  return error(status.code, status.message, (schema) => {
    for (const detail of status.details) {
      const found = anyUnpack(detail, schema);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  });
}

function error(code: Code | number, message: string, find: Find, cause?: unknown): ReportsError {
  const info = find(ErrorInfoSchema);
  const delay = find(RetryInfoSchema)?.retryDelay;
  return reportsError(STATUS_CODES[code] ?? "UNKNOWN", message, {
    reason: info?.reason,
    metadata: info?.metadata,
    fieldViolations: find(BadRequestSchema)?.fieldViolations,
    quotaViolations: find(QuotaFailureSchema)?.violations,
    retryDelayMs: delay && durationMs(delay),
    cause,
  });
}
