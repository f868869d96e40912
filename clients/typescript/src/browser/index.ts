/**
 * The client for browsers, over the REST gateway and server-sent events. It uses `fetch` and nothing of Node.js.
 *
 * @packageDocumentation
 */

import { Code, ConnectError } from "@connectrpc/connect";

import { ReportsClient } from "../client.js";
import type { ClientOptions } from "../options.js";
import { type HeadersOption, RestTransport } from "./transport.js";

export type { HeadersOption } from "./transport.js";

/** The options of a connection. */
export interface ConnectOptions extends Omit<ClientOptions, "onClose"> {
  /** Called instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Sent with every request. */
  readonly headers?: HeadersOption | undefined;
}

/**
 * Make a client of the gateway at `baseUrl`, for example `location.origin` on a page that the gateway's own host serves.
 *
 * Pages of other origins may call a gateway that names them in `FNA_REPORTS_CORS_ORIGINS`.
 *
 * ```ts
 * const client = connect("https://reports.example.com", { headers: { authorization: `Bearer ${token}` } });
 * ```
 */
export function connect(baseUrl: string, options: ConnectOptions = {}): ReportsClient {
  const closed = new AbortController();
  const reason = new ConnectError("the client was closed", Code.Canceled);
  const transport = new RestTransport(baseUrl, options, closed.signal);
  const { timeoutMs, reconnectTimeoutMs } = options;
  return new ReportsClient(transport, { timeoutMs, reconnectTimeoutMs, onClose: () => closed.abort(reason) });
}
