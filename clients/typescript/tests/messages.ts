/** Messages as the service sends them. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import {
  type Batch,
  type BatchEvent,
  BatchEventSchema,
  BatchItemStatus,
  BatchSchema,
  BatchStatus,
  ErrorInfoSchema,
  RetryInfoSchema,
  type WatchBatchesResponse,
  WatchBatchesResponseSchema,
  type WatchBatchResponse,
  WatchBatchResponseSchema,
} from "../src/v1.js";

export const BATCH_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c01";
export const TASK_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c02";
export const REPORT_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c03";

/** Return a batch of two reports that is being processed. */
export function batch(fields: MessageInitShape<typeof BatchSchema> = {}): Batch {
  const running = { batchId: BATCH_ID, taskId: TASK_ID, status: BatchStatus.PROCESSING, totalReports: 2 };
  return create(BatchSchema, { ...running, lastSequence: 1n, ...fields });
}

export function message(...events: BatchEvent[]): WatchBatchResponse {
  return create(WatchBatchResponseSchema, { events });
}

/** Return a message about all batches, after which a watch continues by the token. */
export function page(resumeToken: string, ...events: BatchEvent[]): WatchBatchesResponse {
  return create(WatchBatchesResponseSchema, { events, resumeToken });
}

/** Return an event as that of another batch. */
export function of(batchId: string, event: BatchEvent): BatchEvent {
  return { ...event, batchId };
}

export function snapshot(sequence: number, fields: MessageInitShape<typeof BatchSchema> = {}): BatchEvent {
  return event(sequence, { case: "snapshot", value: batch({ lastSequence: BigInt(sequence), ...fields }) });
}

export function heartbeat(sequence: number): BatchEvent {
  return event(sequence, { case: "heartbeat", value: {} });
}

export function itemProgress(sequence: number): BatchEvent {
  const value = { reportId: REPORT_ID, step: "VALIDATION", fraction: 0.25 };
  return event(sequence, { case: "progress", value });
}

export function itemChanged(sequence: number): BatchEvent {
  const item = { reportId: REPORT_ID, status: BatchItemStatus.COMPLETED };
  return event(sequence, { case: "itemChanged", value: { item, counters: { totalReports: 2, successful: 1 } } });
}

export function finished(sequence: number): BatchEvent {
  const ended = batch({ status: BatchStatus.COMPLETED, successful: 2, lastSequence: BigInt(sequence) });
  return event(sequence, { case: "statusChanged", value: { batch: ended, final: true } });
}

/** Return an event of a kind that this client does not know. */
export function unknownKind(sequence: number): BatchEvent {
  return event(sequence, { case: undefined });
}

export function sequences(events: readonly BatchEvent[]): number[] {
  return events.map(({ sequence }) => Number(sequence));
}

/** Return an error as the services write it, or without a reason as a proxy does. */
export function refusal(code: Code, reason = "", metadata: Record<string, string> = {}): ConnectError {
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "reports.fna", metadata } };
  return new ConnectError("no", code, undefined, reason === "" ? [] : [info]);
}

/** Return what a server that drains says. */
export function unavailable(retryDelayMs?: number): ConnectError {
  const details =
    retryDelayMs === undefined
      ? []
      : [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryDelayMs) } }];
  return new ConnectError("draining", Code.Unavailable, undefined, details);
}

function event(sequence: number, event: NonNullable<MessageInitShape<typeof BatchEventSchema>["event"]>): BatchEvent {
  return create(BatchEventSchema, { batchId: BATCH_ID, sequence: BigInt(sequence), event });
}
