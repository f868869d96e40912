/** Problem details (RFC 9457) of the gateway as errors of Connect. */

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import { STATUS_CODES, type StatusCode } from "../errors.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.js";
import { isObject } from "./bare_json.js";

const DOMAIN = "reports.fna";

// What a proxy answers by itself, as gRPC reads it.
const CODES_BY_STATUS: Readonly<Record<number, Code>> = {
  400: Code.Internal,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.Unimplemented,
  429: Code.Unavailable,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.Unavailable,
};

type Details = ConstructorParameters<typeof ConnectError>[3] & {};

/** Return the error for a response that is none of success. */
export async function problemError(response: Response): Promise<ConnectError> {
  const problem = await problemOf(response);
  const details: Details = [...retryInfo(response.headers)];
  const code = STATUS_CODES.indexOf(problem["code"] as StatusCode) as Code | -1;
  if (code === -1) {
    const text = `the gateway answered ${response.status} ${response.statusText}`.trim();
    return new ConnectError(text, CODES_BY_STATUS[response.status] ?? Code.Unknown, response.headers, details);
  }
  if (problem["reason"] !== undefined) {
    const reason = String(problem["reason"]);
    details.push({ desc: ErrorInfoSchema, value: { reason, domain: DOMAIN, metadata: texts(problem["metadata"]) } });
  }
  details.push(...violations(code, problem["errors"]));
  return new ConnectError(String(problem["detail"] ?? ""), code, response.headers, details);
}

async function problemOf(response: Response): Promise<JsonObject> {
  try {
    const json = (await response.json()) as JsonValue;
    return isObject(json) ? json : {};
  } catch {
    return {}; // Not the gateway's words: the status of HTTP has to do.
  }
}

function* violations(code: Code, errors: JsonValue | undefined): Generator<Details[number]> {
  const found = (Array.isArray(errors) ? errors : []).filter(isObject).map((error) => ({
    field: String(error["field"]),
    description: String(error["message"]),
  }));
  if (found.length === 0) {
    return;
  }
  if (code === Code.ResourceExhausted) {
    const quotas = found.map(({ field, description }) => ({ subject: field, description }));
    yield { desc: QuotaFailureSchema, value: { violations: quotas } };
  } else {
    yield { desc: BadRequestSchema, value: { fieldViolations: found } };
  }
}

function* retryInfo(headers: Headers): Generator<Details[number]> {
  const seconds = headers.get("retry-after");
  if (seconds !== null && /^\d+$/.test(seconds)) {
    yield { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(Number(seconds) * 1000) } };
  }
}

/** Return metadata as gRPC has it: text, lists with commas. */
function texts(metadata: JsonValue | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(isObject(metadata) ? metadata : {}).map(([key, value]) => [key, String(value)]));
}
