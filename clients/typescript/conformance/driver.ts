/** The driver of the conformance suite: `node driver.js ADDRESS`, told on stdin, answers on stdout. */

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { connect as connectBrowser } from "../src/browser/index.js";
import type { ReportsClient } from "../src/index.js";
import { connect as connectNode } from "../src/node/index.js";
import { Driver } from "./protocol.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { timeout: { type: "string" }, "reconnect-timeout": { type: "string" } },
});
const [address] = positionals;
if (address === undefined) {
  throw new Error("usage: node driver.js ADDRESS [--timeout SECONDS] [--reconnect-timeout SECONDS]");
}

const client = connected(address);
const driver = new Driver(client, (line) => process.stdout.write(`${line}\n`));
for await (const line of createInterface({ input: process.stdin })) {
  driver.send(line);
}
client.close();

function connected(address: string): ReportsClient {
  const options = {
    timeoutMs: milliseconds(values.timeout),
    reconnectTimeoutMs: milliseconds(values["reconnect-timeout"]),
  };
  return address.startsWith("http") ? connectBrowser(address, options) : connectNode(address, options);
}

function milliseconds(seconds: string | undefined): number | undefined {
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
