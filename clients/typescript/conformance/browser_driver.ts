/** The driver of the conformance suite in a page: what runs the browser calls `window.fnaDriver`. */

import { connect } from "../src/browser/index.js";
import { Driver } from "./protocol.js";

const said: string[] = [];
let driver: Driver | undefined;

const fnaDriver = {
  /** Connect to the gateway; `timeout` and `reconnectTimeout` are in seconds. */
  start(address: string, options: { readonly timeout?: number; readonly reconnectTimeout?: number } = {}): void {
    const { timeout, reconnectTimeout } = options;
    const client = connect(address, {
      timeoutMs: timeout && timeout * 1000,
      reconnectTimeoutMs: reconnectTimeout && reconnectTimeout * 1000,
    });
    driver = new Driver(client, (line) => said.push(line));
  },

  /** Take a line of the protocol. */
  send(line: string): void {
    driver?.send(line);
  },

  /** Return the lines that were answered since the last time. */
  take(): string[] {
    return said.splice(0);
  },
};

Object.assign(window, { fnaDriver });
