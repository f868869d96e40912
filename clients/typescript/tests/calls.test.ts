/** Calls say what they were told, are repeated safely, and their failures become errors that say everything. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { pause } from "../src/calls.js";
import {
  AccessDeniedError,
  ConflictError,
  DataLossError,
  DeadlineExceededError,
  InvalidRequestError,
  LimitExceededError,
  NotFoundError,
  OutOfRangeError,
  PreconditionError,
  ReportsError,
  ReportType,
  UnavailableError,
} from "../src/index.js";
import { type ConnectOptions, connect, uploadFile } from "../src/node/index.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  GetBatchResponseSchema,
  ListBatchItemsRequestSchema,
  ListBatchItemsResponseSchema,
  QuotaFailureSchema,
  RegisterReportRequestSchema,
  RegisterReportResponseSchema,
  RetryBatchRequestSchema,
  RetryBatchResponseSchema,
  RotateWebhookSecretResponseSchema,
  SubmitBatchRequestSchema,
  SubmitBatchResponseSchema,
  type UploadReportRequest,
  UploadReportResponseSchema,
} from "../src/v1.js";
import { BATCH_ID, batch, refusal, REPORT_ID, TASK_ID, unavailable } from "./messages.js";
import { CUT, Peer, SILENCE } from "./peer.js";

const COMPANY_ID = "6c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11";
const ABOUT = { companyId: COMPANY_ID, reportType: ReportType.REPORT_TYPE_10_K };
const SUBMITTED = create(SubmitBatchResponseSchema, { batch: batch() });
const FOUND = create(GetBatchResponseSchema, { batch: batch() });

async function withPeer<T>(
  run: (client: ReturnType<typeof connect>, peer: Peer) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  await using peer = await Peer.start();
  const client = connect(peer.target, options);
  try {
    return await run(client, peer);
  } finally {
    client.close();
  }
}

test("a submission says what it was told", () =>
  withPeer(async (client, peer) => {
    peer.answers["SubmitBatch"] = [SUBMITTED];
    const requestId = crypto.randomUUID();
    const handle = await client.submit([REPORT_ID], {
      requestId,
      labels: { quarter: "Q1" },
      priority: 0,
      executionTimeoutMs: 120_000,
      webhookUrl: "https://example.com/hooks",
    });
    assert.deepEqual([handle.batchId, handle.taskId, handle.message], [BATCH_ID, TASK_ID, batch()]);
    const expected = create(SubmitBatchRequestSchema, {
      reportIds: [REPORT_ID],
      requestId,
      labels: { quarter: "Q1" },
      priority: 0,
      executionTimeout: { seconds: 120n },
      webhookUrl: "https://example.com/hooks",
    });
    assert.deepEqual(peer.requests(SubmitBatchRequestSchema, "SubmitBatch"), [expected]);
  }));

test("the attempts of a write carry one request id and two calls carry two", () =>
  withPeer(async (client, peer) => {
    peer.answers["SubmitBatch"] = [unavailable(), CUT, SUBMITTED];
    peer.answers["RetryBatch"] = [unavailable(), create(RetryBatchResponseSchema, { batch: batch() })];
    peer.answers["RegisterReport"] = [unavailable(), create(RegisterReportResponseSchema, { report: {} })];
    await client.submit([REPORT_ID]);
    await client.submit([REPORT_ID]);
    await client.retry(BATCH_ID);
    await client.register("file:///filings/a.htm", ABOUT);
    const ids = [
      peer.requests(SubmitBatchRequestSchema, "SubmitBatch"),
      peer.requests(RetryBatchRequestSchema, "RetryBatch"),
      peer.requests(RegisterReportRequestSchema, "RegisterReport"),
    ].map((requests) => requests.map(({ requestId }) => requestId));
    assert.deepEqual(
      ids.map((found) => found.map((id) => found.indexOf(id))),
      [[0, 0, 0, 3], [0, 0], [0, 0]],
    );
    assert.equal(new Set(ids.flat()).size, 4);
    for (const id of ids.flat()) {
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  }));

test("a wait that the server asks for is kept", () =>
  withPeer(async (client, peer) => {
    peer.answers["GetBatch"] = [unavailable(300), FOUND];
    const begun = performance.now();
    assert.deepEqual(await client.getBatch(BATCH_ID), batch());
    assert.ok(performance.now() - begun >= 300);
  }));

test("a call to a server that comes back is answered", () =>
  withPeer(async (client, peer) => {
    peer.answers["GetBatch"] = [FOUND];
    await peer.stop();
    const called = client.getBatch(BATCH_ID);
    await peer.start();
    assert.deepEqual(await called, batch());
  }));

test("a server that stays away is told when the timeout of the call is over", () =>
  withPeer(async (client, peer) => {
    await peer.stop();
    await assert.rejects(client.getBatch(BATCH_ID, { timeoutMs: 1000 }), UnavailableError);
    await peer.start();
  }));

test("an answer that does not come ends with the timeout, and the next call has another connection", () =>
  withPeer(
    async (client, peer) => {
      peer.answers["GetBatch"] = [SILENCE, FOUND];
      await assert.rejects(client.getBatch(BATCH_ID), DeadlineExceededError);
      assert.deepEqual(await client.getBatch(BATCH_ID, { timeoutMs: 20_000 }), batch());
      assert.equal(peer.connections, 2);
    },
    { timeoutMs: 300 },
  ));

test("a call that its signal ends throws the reason", () =>
  withPeer(async (client, peer) => {
    peer.answers["GetBatch"] = [SILENCE];
    const stop = new AbortController();
    const called = client.getBatch(BATCH_ID, { signal: stop.signal });
    stop.abort(new RangeError("enough"));
    await assert.rejects(called, new RangeError("enough"));
  }));

test("a wait for another attempt ends with the signal", () =>
  withPeer(async (client, peer) => {
    peer.answers["GetBatch"] = [unavailable(20_000)];
    await assert.rejects(client.getBatch(BATCH_ID, { signal: AbortSignal.timeout(200) }), { name: "TimeoutError" });
  }));

test("calls of a closed client fail", () =>
  withPeer(async (client, peer) => {
    peer.answers["GetBatch"] = [SILENCE];
    const called = client.getBatch(BATCH_ID);
    client.close();
    await assert.rejects(called, { code: "CANCELLED", message: "the client was closed" });
    await assert.rejects(client.getBatch(BATCH_ID), { code: "CANCELLED", message: "the client was closed" });
  }));

const KINDS: readonly [Code, string, typeof ReportsError][] = [
  [Code.InvalidArgument, "INVALID_ARGUMENT", InvalidRequestError],
  [Code.NotFound, "NOT_FOUND", NotFoundError],
  [Code.AlreadyExists, "ALREADY_EXISTS", ConflictError],
  [Code.Aborted, "ABORTED", ConflictError],
  [Code.FailedPrecondition, "FAILED_PRECONDITION", PreconditionError],
  [Code.OutOfRange, "OUT_OF_RANGE", OutOfRangeError],
  [Code.ResourceExhausted, "RESOURCE_EXHAUSTED", LimitExceededError],
  [Code.Unauthenticated, "UNAUTHENTICATED", AccessDeniedError],
  [Code.PermissionDenied, "PERMISSION_DENIED", AccessDeniedError],
  [Code.DataLoss, "DATA_LOSS", DataLossError],
  [Code.Internal, "INTERNAL", ReportsError],
  [Code.Unimplemented, "UNIMPLEMENTED", ReportsError],
];

for (const [code, name, kind] of KINDS) {
  test(`${name} is a ${kind.name} and is not tried again`, () =>
    withPeer(async (client, peer) => {
      peer.answers["GetBatch"] = [refusal(code, "WHY", { key: "value" })];
      await assert.rejects(client.getBatch(BATCH_ID), (error: unknown) => {
        assert.ok(error instanceof ReportsError);
        assert.equal(error.constructor, kind);
        const { code: found, reason, metadata, message } = error;
        assert.deepEqual({ found, reason, metadata, message }, { found: name, reason: "WHY", metadata: { key: "value" }, message: "no" });
        return true;
      });
      assert.equal(peer.received("GetBatch").length, 1);
    }));
}

test("a wait whose signal came before is not begun", async () => {
  const stopped = AbortSignal.abort(new RangeError("enough"));
  await assert.rejects(pause(3_600_000, stopped), new RangeError("enough"));
});

test("an error has the fields and the limits", () =>
  withPeer(async (client, peer) => {
    const field = { field: "report_ids", description: "too many" };
    const limit = { subject: "batches", description: "at most 10" };
    peer.answers["SubmitBatch"] = [
      new ConnectError("no", Code.InvalidArgument, undefined, [
        { desc: ErrorInfoSchema, value: { reason: "INVALID_REQUEST" } },
        { desc: BadRequestSchema, value: { fieldViolations: [field] } },
        { desc: QuotaFailureSchema, value: { violations: [limit] } },
      ]),
    ];
    await assert.rejects(client.submit([]), (error: InvalidRequestError) => {
      assert.deepEqual(error.fieldViolations.map(({ field, description }) => ({ field, description })), [field]);
      assert.deepEqual(error.quotaViolations.map(({ subject, description }) => ({ subject, description })), [limit]);
      return true;
    });
  }));

test("a validation that found unknown reports names all of them", () =>
  withPeer(async (client, peer) => {
    peer.answers["SubmitBatch"] = [create(SubmitBatchResponseSchema, { batch: {}, unknownReportIds: ["a", "b"] })];
    await assert.rejects(client.submit(["a", "b"], { validateOnly: true }), {
      reason: "REPORT_NOT_FOUND",
      metadata: { report_ids: "a,b", unknown_count: "2" },
    });
  }));

test("an upload comes whole, with its digest, and tells how far it is", () =>
  withPeer(async (client, peer) => {
    peer.answers["UploadReport"] = [unavailable(), create(UploadReportResponseSchema, { report: { reportId: REPORT_ID } })];
    const content = new Uint8Array(600_000).fill(7);
    const told: number[] = [];
    const options = { ...ABOUT, fileName: "a.htm", onProgress: (sent: number) => told.push(sent) };
    assert.equal((await client.upload(content, options)).reportId, REPORT_ID);
    for (const { messages } of peer.received("UploadReport")) {
      const [first, ...rest] = (messages as UploadReportRequest[]).map(({ payload }) => payload);
      assert.equal(first?.case, "header");
      const { report, contentSizeBytes, contentSha256 } = first.value;
      assert.deepEqual([report?.fileName, contentSizeBytes], ["a.htm", 600_000n]);
      assert.equal(contentSha256, createHash("sha256").update(content).digest("hex"));
      const chunks = rest.map((payload) => (payload.case === "chunk" ? payload.value : new Uint8Array()));
      assert.ok(Buffer.concat(chunks).equals(content));
    }
    assert.deepEqual(told.slice(-3), [262_144, 524_288, 600_000]);
  }));

test("a file is uploaded under its name", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "fna-reports-"));
  context.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "10k.txt"), "revenue grew");
  await withPeer(async (client, peer) => {
    peer.answers["UploadReport"] = [create(UploadReportResponseSchema, { report: {} })];
    await uploadFile(client, join(folder, "10k.txt"), ABOUT);
    const [header, chunk] = peer.received("UploadReport")[0]?.messages as UploadReportRequest[];
    assert.ok(header?.payload.case === "header" && chunk?.payload.case === "chunk");
    assert.equal(header.payload.value.report?.fileName, "10k.txt");
    assert.equal(new TextDecoder().decode(chunk.payload.value), "revenue grew");
    await assert.rejects(uploadFile(client, join(folder, "none.txt"), ABOUT), { code: "ENOENT" });
  });
});

test("content that is too large is not sent", () =>
  withPeer(async (client, peer) => {
    await assert.rejects(client.upload(new Uint8Array(52_428_801), ABOUT), { reason: "CONTENT_TOO_LARGE" });
    assert.equal(peer.received("UploadReport").length, 0);
  }));

test("files are submitted as their reports, equal ones once", () =>
  withPeer(async (client, peer) => {
    const uploaded = ["1", "2", "1"].map((reportId) => create(UploadReportResponseSchema, { report: { reportId } }));
    peer.answers["UploadReport"] = [...uploaded];
    peer.answers["SubmitBatch"] = [SUBMITTED];
    const files = ["a", "b", "a"].map((text) => new File([text], `${text}.txt`));
    await client.submit(files, { ...ABOUT, labels: { desk: "north" } });
    const [request] = peer.requests(SubmitBatchRequestSchema, "SubmitBatch");
    assert.deepEqual([request?.reportIds, request?.labels], [["1", "2"], { desk: "north" }]);
    const [header] = peer.received("UploadReport")[1]?.messages as UploadReportRequest[];
    assert.equal(header?.payload.case === "header" && header.payload.value.report?.fileName, "b.txt");
  }));

test("a list goes through its pages, and no further than it is read", () =>
  withPeer(async (client, peer) => {
    const page = (position: number, nextPageToken: string) =>
      create(ListBatchItemsResponseSchema, { items: [{ position }, { position: position + 1 }], nextPageToken });
    peer.answers["ListBatchItems"] = [page(0, "next"), page(2, "")];
    const items = await Array.fromAsync(client.items(BATCH_ID, { pageSize: 2 }));
    assert.deepEqual(items.map(({ position }) => position), [0, 1, 2, 3]);
    const requests = peer.requests(ListBatchItemsRequestSchema, "ListBatchItems");
    assert.deepEqual(requests.map(({ pageToken, pageSize }) => [pageToken, pageSize]), [["", 2], ["next", 2]]);
    peer.answers["ListBatchItems"] = [page(0, "next")];
    for await (const item of client.items(BATCH_ID)) {
      assert.equal(item.position, 0);
      break;
    }
    assert.equal(peer.received("ListBatchItems").length, 3);
  }));

test("a new webhook secret is not asked for twice", () =>
  withPeer(async (client, peer) => {
    const answer = create(RotateWebhookSecretResponseSchema, { secret: "whsec_x" });
    peer.answers["RotateWebhookSecret"] = [unavailable(), answer];
    await assert.rejects(client.rotateWebhookSecret(), UnavailableError);
    assert.equal(await client.rotateWebhookSecret(), "whsec_x");
    assert.equal(peer.received("RotateWebhookSecret").length, 2);
  }));
