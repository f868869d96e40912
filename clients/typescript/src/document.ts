/** The content of a report on its way to the server. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { LimitExceededError } from "./errors.js";
import type { ReportSchema } from "./gen/fna/reports/v1/report_pb.js";
import { type UploadReportRequest, UploadReportRequestSchema } from "./gen/fna/reports/v1/report_service_pb.js";

/** What can be uploaded: bytes, a `Blob` or `File`, or text, which is sent as UTF-8. */
export type Content = Uint8Array | ArrayBuffer | Blob | string;

/** Is told how many bytes of an upload were handed over so far, of how many. */
export type ProgressCallback = (sentBytes: number, totalBytes: number) => void;

/** The contract's limit; an operator may set a lower one. */
export const MAX_CONTENT_BYTES = 52_428_800;

const CHUNK_BYTES = 256 * 1024;

/** Bytes to upload, held whole: so an upload can be repeated, and the digest is that of what is sent. */
export class Document {
  readonly #data: Uint8Array<ArrayBuffer>;
  readonly #sha256: string;

  private constructor(data: Uint8Array<ArrayBuffer>, sha256: string) {
    this.#data = data;
    this.#sha256 = sha256;
  }

  /** Read the content; throw a `LimitExceededError` when there are more than 50 MiB. */
  static async read(content: Content): Promise<Document> {
    const sizeBytes = content instanceof Blob ? content.size : 0;
    const data = sizeBytes > MAX_CONTENT_BYTES ? undefined : await bytesOf(content);
    if (data === undefined || data.length > MAX_CONTENT_BYTES) {
      throw new LimitExceededError(`the content has more than ${MAX_CONTENT_BYTES} bytes, the most a report may have`, {
        code: "RESOURCE_EXHAUSTED",
        reason: "CONTENT_TOO_LARGE",
      });
    }
    return new Document(data, await sha256(data));
  }

  /** Yield the messages that upload the content as `report`. */
  async *messages(
    report: MessageInitShape<typeof ReportSchema>,
    onProgress: ProgressCallback = () => {},
  ): AsyncGenerator<UploadReportRequest, void, undefined> {
    const header = {
      report,
      contentSizeBytes: BigInt(this.#data.length),
      contentSha256: this.#sha256,
    };
    yield create(UploadReportRequestSchema, { payload: { case: "header", value: header } });
    for (let start = 0; start < this.#data.length; start += CHUNK_BYTES) {
      const chunk = this.#data.subarray(start, start + CHUNK_BYTES);
      yield create(UploadReportRequestSchema, { payload: { case: "chunk", value: chunk } });
      // The transport comes back for more when it has taken this one.
      onProgress(start + chunk.length, this.#data.length);
    }
  }
}

async function bytesOf(content: Content): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof content === "string") {
    return new TextEncoder().encode(content);
  }
  if (content instanceof Blob) {
    return new Uint8Array(await content.arrayBuffer());
  }
  // A copy: what is sent stays what the digest was made of, whatever becomes of the caller's.
  return new Uint8Array(content instanceof ArrayBuffer ? content.slice(0) : content);
}

/** Return the digest in hexadecimal; nothing where the browser has none, on pages that came over plain HTTP. */
async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  // The types know secure contexts only.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) {
    return "";
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
