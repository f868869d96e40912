/** A service over HTTP/2, in this process, that answers as a test says. */

import { once } from "node:events";
import { createSecureServer, createServer, type Http2Server, type SecureServerOptions } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate } from "node:timers/promises";

import type { DescMessage, DescMethod, DescService, Message, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import {
  BatchStatusService,
  BatchSubmissionService,
  ReportService,
  type WatchBatchesRequest,
  type WatchBatchesResponse,
  type WatchBatchRequest,
  WatchBatchRequestSchema,
  type WatchBatchResponse,
} from "../src/v1.js";

/** A step of a stream: nothing more is sent until the client drops the call. */
export const SILENCE = Symbol("silence");
/** A step of a stream, or an answer: the connection breaks. */
export const CUT = Symbol("cut");

type Sent<M> = M | ConnectError | typeof SILENCE | typeof CUT;
export type Answer = Sent<Message>;
export type Step = Sent<WatchBatchResponse>;
export type Stream = (request: WatchBatchRequest) => Iterable<Step>;
export type BatchesStep = Sent<WatchBatchesResponse>;
export type BatchesStream = (request: WatchBatchesRequest) => Iterable<BatchesStep>;

/** What came to a peer. */
export interface Received {
  readonly messages: readonly Message[];
  readonly headers: Headers;
}

/**
 * Serves all methods on a port of its own.
 *
 * `answers` has for each method what its calls get, one after the other, the last one for ever; `streams` has the same
 * for WatchBatch, `batchesStreams` for WatchBatches.
 */
export class Peer implements AsyncDisposable {
  readonly answers: Record<string, Answer[]> = {};
  streams: Stream[] = [];
  batchesStreams: BatchesStream[] = [];
  /** How many connections there were. */
  connections = 0;
  /** Settled when a watch is over for whatever reason. */
  readonly watchEnded = Promise.withResolvers<void>();
  readonly #received: Record<string, Received[]> = {};
  readonly #sockets = new Set<Socket>();
  readonly #tls: SecureServerOptions | undefined;
  #server: Http2Server | undefined;
  #port = 0;

  constructor(tls?: SecureServerOptions) {
    this.#tls = tls;
  }

  /** Start one. */
  static async start(tls?: SecureServerOptions): Promise<Peer> {
    const peer = new Peer(tls);
    await peer.start();
    return peer;
  }

  get target(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Serve, on the same port as before if there was one. */
  async start(): Promise<void> {
    const handler = connectNodeAdapter({ routes: (router) => this.#route(router) });
    this.#server = this.#tls === undefined ? createServer(handler) : createSecureServer(this.#tls, handler);
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {}); // Broken on purpose, by either side.
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stop serving and break every connection. */
  async stop(): Promise<void> {
    const closed = this.#server && once(this.#server, "close");
    this.#server?.close();
    this.cut();
    await closed;
  }

  /** Break every connection. */
  cut(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Return what came to a method, each call as its messages and headers. */
  received(method: string): readonly Received[] {
    return this.#received[method] ?? [];
  }

  /** Return the first message of each call of a method. */
  requests<Desc extends DescMessage>(_schema: Desc, method: string): MessageShape<Desc>[] {
    return this.received(method).map(({ messages }) => messages[0] as MessageShape<Desc>);
  }

  /** Return the `after_sequence` of every watch that came. */
  watchedAfter(): (number | undefined)[] {
    return this.requests(WatchBatchRequestSchema, "WatchBatch").map(({ afterSequence }) =>
      afterSequence === undefined ? undefined : Number(afterSequence),
    );
  }

  #route(router: ConnectRouter): void {
    for (const service of [BatchStatusService, BatchSubmissionService, ReportService]) {
      const methods = service.methods.map((method) => [method.localName, this.#handler(method)] as const);
      // Handlers are made by the descriptors, which the types of the implementation cannot follow.
      router.service(service as DescService, Object.fromEntries(methods) as Record<string, never>);
    }
  }

  #handler({ name, methodKind }: DescMethod): unknown {
    switch (methodKind) {
      case "server_streaming":
        return name === "WatchBatch"
          ? (request: WatchBatchRequest, context: HandlerContext) => this.#watch(name, this.streams, request, context)
          : (request: WatchBatchesRequest, context: HandlerContext) =>
              this.#watch(name, this.batchesStreams, request, context);
      case "client_streaming":
        return async (requests: AsyncIterable<Message>, context: HandlerContext) =>
          this.#answer(name, await Array.fromAsync(requests), context);
      default:
        return (request: Message, context: HandlerContext) => this.#answer(name, [request], context);
    }
  }

  async #answer(method: string, messages: readonly Message[], context: HandlerContext): Promise<Message> {
    this.#note(method, messages, context);
    const answers = this.answers[method] ?? [];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === undefined || answer instanceof ConnectError) {
      throw answer ?? new ConnectError(`the test has no answer for ${method}`, Code.Internal);
    }
    if (typeof answer === "symbol") {
      await this.#until(answer, context.signal);
      throw new ConnectError("the call is over", Code.Canceled);
    }
    return answer;
  }

  async *#watch<Request extends Message, Response extends Message>(
    method: string,
    streams: ((request: Request) => Iterable<Sent<Response>>)[],
    request: Request,
    context: HandlerContext,
  ): AsyncGenerator<Response> {
    this.#note(method, [request], context);
    context.signal.addEventListener("abort", () => this.watchEnded.resolve());
    const stream = streams.length > 1 ? streams.shift() : streams[0];
    for (const step of stream?.(request) ?? []) {
      if (step instanceof ConnectError) {
        throw step;
      }
      if (typeof step === "symbol") {
        await this.#until(step, context.signal);
        return;
      }
      yield step;
    }
  }

  #note(method: string, messages: readonly Message[], context: HandlerContext): void {
    this.#received[method] = [...this.received(method), { messages, headers: context.requestHeader }];
  }

  async #until(step: typeof SILENCE | typeof CUT, ended: AbortSignal): Promise<void> {
    if (step === CUT) {
      // After what was sent before has left.
      await setImmediate();
      this.cut();
    }
    if (!ended.aborted) {
      await once(ended, "abort");
    }
  }
}
