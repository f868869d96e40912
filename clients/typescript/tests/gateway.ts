/** A REST gateway, in this process, that answers as a test says. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { connect, type ConnectOptions } from "../src/browser/index.js";
import type { ReportsClient } from "../src/index.js";
import { BATCH_ID } from "./messages.js";

/** A request that came. */
export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Answers a request. */
export type Answer = (response: ServerResponse, request: Received) => void;

/** Serves on a port of its own; `answers` are given one after the other, the last one for ever. */
export class Gateway implements AsyncDisposable {
  answers: Answer[] = [];
  readonly received: Received[] = [];
  /** Settled when a response is over that had no end of its own. */
  readonly left = Promise.withResolvers<void>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Start one. */
  static async start(...answers: Answer[]): Promise<Gateway> {
    const gateway = new Gateway();
    gateway.answers = answers;
    gateway.#server.listen(0, "127.0.0.1");
    await once(gateway.#server, "listening");
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const received = { method: request.method ?? "", url: request.url ?? "", headers, body: new Uint8Array(body) };
    this.received.push(received);
    response.on("close", () => response.writableEnded || this.left.resolve());
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    answer?.(response, received);
  }
}

/** Run something with a client of a gateway that gives these answers. */
export async function withGateway<T>(
  answers: readonly Answer[],
  run: (client: ReportsClient, gateway: Gateway) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  await using gateway = await Gateway.start(...answers);
  const client = connect(gateway.url, options);
  try {
    return await run(client, gateway);
  } finally {
    client.close();
  }
}

/** Answer with JSON. */
export function json(body: unknown, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
}

/** Answer with problem details. */
export function problem(status: number, body: object, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "application/problem+json", ...headers });
    response.end(JSON.stringify({ title: "no", status, detail: "no", ...body }));
  };
}

/** Answer with server-sent events, in these pieces, and end. */
export function events(...pieces: string[]): Answer {
  return (response) => {
    begin(response, pieces);
    response.end();
  };
}

/** Answer with server-sent events, in these pieces, and stay open. */
export function endless(...pieces: string[]): Answer {
  return (response) => begin(response, pieces);
}

/** Break the connection. */
export function broken(response: ServerResponse): void {
  response.socket?.destroy();
}

/** Return an event of a batch as a server-sent event, whose id is its sequence unless it is another or none. */
export function told(sequence: number, kind: string, payload: object, id = String(sequence), batchId = BATCH_ID): string {
  const data = JSON.stringify({ batch_id: batchId, sequence, occurred_at: null, [kind]: payload });
  return `event: ${kind}\n${id === "" ? "" : `id: ${id}\n`}data: ${data}\n\n`;
}

function begin(response: ServerResponse, pieces: readonly string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write("retry: 1000\n\n");
  for (const piece of pieces) {
    response.write(piece);
  }
}
