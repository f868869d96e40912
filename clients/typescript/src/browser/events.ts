/** The messages of watches, from the gateway's streams of server-sent events. */

import { create, fromJson, isMessage, type JsonValue, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { type BatchEvent, BatchEventSchema, BatchStatus } from "../gen/fna/reports/v1/batch_pb.js";
import {
  type WatchBatchesResponse,
  WatchBatchesRequestSchema,
  WatchBatchesResponseSchema,
  type WatchBatchResponse,
  WatchBatchRequestSchema,
  WatchBatchResponseSchema,
} from "../gen/fna/reports/v1/batch_status_service_pb.js";
import { ANY_TYPES, protoJson } from "./bare_json.js";
import { type Block, readBlocks } from "./event_stream.js";

const NOT_FINAL: ReadonlySet<BatchStatus> = new Set([
  BatchStatus.UNSPECIFIED,
  BatchStatus.PROCESSING,
  BatchStatus.CANCELLING,
]);

/**
 * Reads the stream that answers a watch.
 *
 * Throws UNAVAILABLE when it ends before the execution, and that of all batches whenever it ends: server-sent events
 * have no word for an error, so that of a service that went away looks like any other end.
 */
export type ReadStream = (body: ReadableStream<Uint8Array>) => AsyncGenerator<Message, void, undefined>;

/** Return what reads the stream that answers a request; nothing when it asks for no watch. */
export function streamReader(request: unknown): ReadStream | undefined {
  if (isMessage(request, WatchBatchRequestSchema)) {
    return (body) => ofBatch(request.batchId, body);
  }
  return isMessage(request, WatchBatchesRequestSchema) ? ofBatches : undefined;
}

/** Yield what came together as one message. */
async function* ofBatch(
  batchId: string,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<WatchBatchResponse, void, undefined> {
  let isOver = false;
  for await (const blocks of readBlocks(body)) {
    const events = blocks.map((block) => readable(() => eventOf(batchId, block)));
    // The last one counts: the history of a batch that was retried goes on after the end of an execution.
    isOver = events.filter(isStored).map(isLast).at(-1) ?? isOver;
    yield create(WatchBatchResponseSchema, { events });
  }
  if (!isOver) {
    throw brokenOff();
  }
}

/**
 * Yield the messages of the service, each of which ends with the block that has an id: the token that continues after
 * all of it. What breaks off before comes again.
 */
async function* ofBatches(body: ReadableStream<Uint8Array>): AsyncGenerator<WatchBatchesResponse, void, undefined> {
  let events: BatchEvent[] = [];
  for await (const blocks of readBlocks(body)) {
    for (const { id, data } of blocks) {
      if (data !== undefined) {
        events.push(readable(() => parsed(data)));
      }
      if (id !== undefined) {
        yield create(WatchBatchesResponseSchema, { events, resumeToken: id });
        events = [];
      }
    }
  }
  throw brokenOff();
}

function eventOf(batchId: string, { id, data }: Block): BatchEvent {
  if (data !== undefined) {
    return parsed(data);
  }
  if (id !== undefined) {
    // A kind that the gateway does not know: only its sequence is told.
    return create(BatchEventSchema, { batchId, sequence: BigInt(id) });
  }
  return create(BatchEventSchema, { batchId, event: { case: "heartbeat", value: {} } });
}

function parsed(data: string): BatchEvent {
  const json = protoJson(BatchEventSchema, JSON.parse(data) as JsonValue);
  return fromJson(BatchEventSchema, json, { ignoreUnknownFields: true, registry: ANY_TYPES });
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new ConnectError(`an event of the gateway cannot be read: ${String(thrown)}`, Code.Internal);
  }
}

function brokenOff(): ConnectError {
  return new ConnectError("the stream of events broke off", Code.Unavailable);
}

/** Tell whether an event is one of the history. */
function isStored({ event }: BatchEvent): boolean {
  return event.case !== "heartbeat" && event.case !== "progress";
}

/** Tell whether nothing follows an event in its execution: a status that is not known is not final. */
function isLast({ event }: BatchEvent): boolean {
  if (event.case === "snapshot") {
    return !NOT_FINAL.has(event.value.status) && BatchStatus[event.value.status] !== undefined;
  }
  return event.case === "statusChanged" && event.value.final;
}
