/** A transport of Connect that speaks to the REST gateway, by the routes that the contract gives its methods. */

import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse, type Transport, type UnaryResponse } from "@connectrpc/connect";

import { asked } from "../asking.js";
import { ReportService } from "../gen/fna/reports/v1/report_service_pb.js";
import { ANY_TYPES } from "./bare_json.js";
import { streamReader } from "./events.js";
import { uploadRequest } from "./form.js";
import { problemError } from "./problem.js";
import { type RestRequest, Route } from "./route.js";

/**
 * Headers, or a function that is asked for them before every attempt, for tokens that change.
 *
 * When it throws, the attempt failed as if the gateway were away (UNAVAILABLE), and there is another one; a
 * `ConnectError` of another code ends the call or the watch.
 */
export type HeadersOption = HeadersInit | (() => HeadersInit | Promise<HeadersInit>);

/** How requests are made. */
export interface RestOptions {
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly headers?: HeadersOption | undefined;
}

const NO_CONTENT = 204;

/** Makes one HTTP request of each call. */
export class RestTransport implements Transport {
  readonly #baseUrl: string;
  readonly #fetch: typeof globalThis.fetch;
  readonly #headers: HeadersOption;
  readonly #closed: AbortSignal;

  constructor(baseUrl: string, options: RestOptions, closed: AbortSignal) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    // Browsers refuse a `fetch` that is called as a method of something else.
    this.#fetch = options.fetch ?? ((...request) => globalThis.fetch(...request));
    this.#headers = options.headers ?? {};
    this.#closed = closed;
  }

  /** Make a call with one answer. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    _header: HeadersInit | undefined,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const request = Route.of(method).request(create(method.input, input));
    const { headers, message } = await this.#call(method, request, this.#bounded(signal, timeoutMs));
    return { stream: false, service: method.parent, method, header: headers, message, trailer: new Headers() };
  }

  /** Upload a report, or watch. */
  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    _header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const common = { stream: true, service: method.parent, method, trailer: new Headers() } as const;
    const bounded = this.#bounded(signal, timeoutMs);
    if (method.name === ReportService.method.uploadReport.name) {
      const { headers, message } = await this.#call(method, await uploadRequest(input), bounded);
      return { ...common, header: headers, message: iterable([message]) };
    }
    const [watch] = await Array.fromAsync(input);
    const read = streamReader(watch);
    if (read === undefined) {
      throw new ConnectError(`${method.name} is not offered over REST by this client`, Code.Unimplemented);
    }
    const response = await this.#send(Route.of(method).request(create(method.input, watch)), bounded);
    const { body, status, headers } = response;
    const messages = status === NO_CONTENT || body === null ? iterable([]) : read(body);
    return { ...common, header: headers, message: translated(messages, bounded) as AsyncIterable<MessageShape<O>> };
  }

  async #call<O extends DescMessage>(
    method: { readonly output: O } & (DescMethodUnary | DescMethodStreaming),
    request: RestRequest,
    signal: AbortSignal,
  ): Promise<{ readonly headers: Headers; readonly message: MessageShape<O> }> {
    const response = await this.#send(request, signal);
    if (!response.headers.get("content-type")?.includes("json")) {
      throw new ConnectError(`${response.url} answers no JSON: is it a gateway of FNA Reports?`, Code.Unknown);
    }
    let json: JsonValue;
    try {
      json = (await response.json()) as JsonValue;
    } catch (thrown) {
      throw failure(thrown, signal);
    }
    const answer = Route.of(method).answer(json, response.status);
    const message = fromJson(method.output, answer, { ignoreUnknownFields: true, registry: ANY_TYPES });
    return { headers: response.headers, message };
  }

  /** Return the response when it is one of success. */
  async #send({ method, path, body }: RestRequest, signal: AbortSignal): Promise<Response> {
    const given = this.#headers;
    const headers = new Headers(typeof given === "function" ? await asked("headers", given) : given);
    if (typeof body === "string") {
      headers.set("content-type", "application/json");
    }
    let response: Response;
    try {
      // The gateway redirects nothing, and a fetch that followed would show an API key to whoever it is sent to.
      const request = { method, headers, body: body ?? null, signal, redirect: "error" } as const;
      response = await this.#fetch(this.#baseUrl + path, request);
    } catch (thrown) {
      throw failure(thrown, signal);
    }
    if (!response.ok) {
      throw await problemError(response);
    }
    return response;
  }

  #bounded(signal: AbortSignal | undefined, timeoutMs: number | undefined): AbortSignal {
    const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    return AbortSignal.any([this.#closed, signal, timeout].filter((given) => given !== undefined));
  }
}

/** Return the error of a request that was given up, or whose connection failed. */
function failure(thrown: unknown, signal: AbortSignal): ConnectError {
  if (thrown instanceof ConnectError) {
    return thrown;
  }
  if (signal.aborted) {
    const isLate = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
    return isLate
      ? new ConnectError("no answer came in time", Code.DeadlineExceeded, undefined, [], thrown)
      : ConnectError.from(signal.reason, Code.Canceled);
  }
  // What goes wrong on the way is told to the operator of a browser, and hardly to its pages.
  const { message, cause } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
  return new ConnectError(`the gateway cannot be reached: ${why}`, Code.Unavailable, undefined, [], thrown);
}

async function* translated<T>(messages: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  try {
    yield* messages;
  } catch (thrown) {
    throw failure(thrown, signal);
  }
}

async function* iterable<T>(messages: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* messages;
}
