/** The events of a batch, from the gateway's stream of server-sent events. */

import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { type BatchEvent, BatchEventSchema, BatchStatus } from "../gen/fna/reports/v1/batch_pb.js";
import { type WatchBatchResponse, WatchBatchResponseSchema } from "../gen/fna/reports/v1/batch_status_service_pb.js";
import { ANY_TYPES, protoJson } from "./bare_json.js";
import { type Block, EventStream } from "./event_stream.js";

const NOT_FINAL: ReadonlySet<BatchStatus> = new Set([
  BatchStatus.UNSPECIFIED,
  BatchStatus.PROCESSING,
  BatchStatus.CANCELLING,
]);

/**
 * Yield what came together as one message.
 *
 * Throws UNAVAILABLE when the stream ends before the execution: server-sent events have no word for an error, so that
 * of a service that went away looks like any other end.
 */
export async function* watchedEvents(
  batchId: string,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<WatchBatchResponse, void, undefined> {
  const stream = new EventStream();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let isOver = false;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const events = stream.take(decoder.decode(read.value, { stream: true })).map((block) => eventOf(batchId, block));
      isOver ||= events.some(isLast);
      if (events.length > 0) {
        yield create(WatchBatchResponseSchema, { events });
      }
    }
  } finally {
    // Ends the connection when the reader has left; it may have failed already, which is told elsewhere.
    reader.cancel().catch(() => {});
  }
  if (!isOver) {
    throw new ConnectError("the stream of events broke off", Code.Unavailable);
  }
}

function eventOf(batchId: string, block: Block): BatchEvent {
  try {
    return parsed(batchId, block);
  } catch (thrown) {
    throw new ConnectError(`an event of the gateway cannot be read: ${String(thrown)}`, Code.Internal);
  }
}

function parsed(batchId: string, { id, data }: Block): BatchEvent {
  if (data !== undefined) {
    const json = protoJson(BatchEventSchema, JSON.parse(data) as JsonValue);
    return fromJson(BatchEventSchema, json, { ignoreUnknownFields: true, registry: ANY_TYPES });
  }
  if (id !== undefined) {
    // A kind that the gateway does not know: only its sequence is told.
    return create(BatchEventSchema, { batchId, sequence: BigInt(id) });
  }
  return create(BatchEventSchema, { batchId, event: { case: "heartbeat", value: {} } });
}

/** Tell whether nothing follows an event: a status that is not known is not final. */
function isLast({ event }: BatchEvent): boolean {
  if (event.case === "snapshot") {
    return !NOT_FINAL.has(event.value.status) && BatchStatus[event.value.status] !== undefined;
  }
  return event.case === "statusChanged" && event.value.final;
}
