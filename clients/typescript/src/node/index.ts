/**
 * The client for Node.js, over gRPC.
 *
 * @packageDocumentation
 */

import { openAsBlob } from "node:fs";
import { access, constants } from "node:fs/promises";
import { basename } from "node:path";

import { createGrpcTransport } from "@connectrpc/connect-node";

import { ReportsClient } from "../client.js";
import type { Report } from "../gen/fna/reports/v1/report_pb.js";
import type { ClientOptions, UploadOptions } from "../options.js";
import { Connection } from "./connection.js";
import { type Credentials, refusePlaintext, sessionOptions, withSecrets } from "./credentials.js";
import { withFailuresOfConnection } from "./failures.js";

export type { Credentials, Secret, TlsOptions } from "./credentials.js";

/** The options of a connection. */
export interface ConnectOptions extends Omit<ClientOptions, "onClose">, Credentials {}

// A page of 1,000 items that all failed is larger than gRPC's usual 4 MiB.
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Make a client of the server at `target`, which is `host:port`. It connects on its first call.
 *
 * Without `tls` the connection is not encrypted, and a `token` or `apiKey` is refused. An idle client does not keep the
 * program from ending.
 *
 * ```ts
 * const client = connect("reports.example.com:443", { tls: true, token: process.env.TOKEN });
 * ```
 */
export function connect(target: string, options: ConnectOptions = {}): ReportsClient {
  refusePlaintext(options);
  const baseUrl = `${options.tls ? "https" : "http"}://${target}`;
  if (!URL.canParse(baseUrl) || new URL(baseUrl).host === "" || target.includes("/")) {
    throw new TypeError(`${target} is no address of a server: write host:port`);
  }
  const connection = new Connection(baseUrl, sessionOptions(options.tls));
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: connection,
    readMaxBytes: MAX_MESSAGE_BYTES,
    interceptors: [withSecrets(options), withFailuresOfConnection(() => connection.renewal())],
  });
  const { timeoutMs, reconnectTimeoutMs } = options;
  return new ReportsClient(transport, { timeoutMs, reconnectTimeoutMs, onClose: () => connection.close() });
}

/**
 * Upload a file and return its report, as {@link ReportsClient.upload} does.
 *
 * Throws also what the file system throws when the file cannot be read.
 */
export async function uploadFile(client: ReportsClient, path: string, options: UploadOptions): Promise<Report> {
  // Else the error of a file that is not there would not say so.
  await access(path, constants.R_OK);
  return client.upload(await openAsBlob(path), { ...options, fileName: options.fileName ?? basename(path) });
}
