/** The client for browsers makes the requests of the REST gateway, and reads its answers as the contract has them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";

import {
  BatchItemStatus,
  BatchStatus,
  BatchView,
  type ReportsClient,
  ReportsError,
  ReportStatus,
  ReportType,
  statusError,
} from "../src/index.js";
import { ReportSchema, WebhookDeliverySchema, WebhookDeliveryStatus } from "../src/v1.js";
import { type Answer, broken, endless, events, Gateway, json, problem, told, withGateway } from "./gateway.js";
import { BATCH_ID, REPORT_ID, sequences, TASK_ID } from "./messages.js";

const COMPANY_ID = "6c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11";
const ABOUT = { companyId: COMPANY_ID, reportType: ReportType.REPORT_TYPE_10_K };
const BATCH = { batch_id: BATCH_ID, task_id: TASK_ID, status: "PROCESSING", total_reports: 2, processed_at: null };
const REPORT = { report_id: REPORT_ID, report_type: "10_K", status: "PENDING", title: null };
const PATH = `/v1/reports/batch/${BATCH_ID}`;
const WATCH = `${PATH}:watch`;

interface Route {
  readonly name: string;
  readonly call: (client: ReportsClient) => Promise<unknown>;
  readonly answer: unknown;
  readonly request: readonly [method: string, url: string, body?: unknown];
}

const REQUEST_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c09";
const LABELS = { desk: "north", quarter: "Q1" };

const ROUTES: readonly Route[] = [
  {
    name: "a submission",
    call: (client) => client.submit([REPORT_ID], { requestId: REQUEST_ID, labels: LABELS, executionTimeoutMs: 1500 }),
    answer: BATCH,
    request: [
      "POST",
      "/v1/reports/batch",
      { report_ids: [REPORT_ID], request_id: REQUEST_ID, labels: LABELS, execution_timeout: "1.500s" },
    ],
  },
  {
    name: "a cancellation",
    call: (client) => client.cancel(BATCH_ID, { reason: "by mistake", etag: "1.1" }),
    answer: BATCH,
    request: ["POST", `/v1/reports/batch/${BATCH_ID}:cancel`, { reason: "by mistake", etag: "1.1" }],
  },
  {
    name: "a retry",
    call: (client) => client.retry(BATCH_ID, { requestId: REQUEST_ID }),
    answer: BATCH,
    request: ["POST", `/v1/reports/batch/${BATCH_ID}:retry`, { request_id: REQUEST_ID }],
  },
  {
    name: "a batch",
    call: (client) => client.getBatch(BATCH_ID, { taskId: TASK_ID, view: BatchView.BASIC }),
    answer: BATCH,
    request: ["GET", `/v1/reports/batch/${BATCH_ID}?task_id=${TASK_ID}&view=BASIC`],
  },
  {
    name: "an id that is none",
    call: (client) => client.getReport("a/b c"),
    answer: REPORT,
    request: ["GET", "/v1/reports/a%2Fb%20c"],
  },
  {
    name: "a page of batches",
    call: (client) =>
      Array.fromAsync(
        client.batches({ statuses: [BatchStatus.FAILED, BatchStatus.COMPLETED], labels: LABELS, batchIds: [BATCH_ID] }),
      ),
    answer: { batches: [BATCH], next_page_token: null },
    request: [
      "GET",
      `/v1/reports/batch?status=FAILED&status=COMPLETED&label=desk%3Anorth&label=quarter%3AQ1&batch_id=${BATCH_ID}`,
    ],
  },
  {
    name: "a page of items",
    call: (client) => Array.fromAsync(client.items(BATCH_ID, { statuses: [BatchItemStatus.FAILED], pageSize: 5 })),
    answer: { items: [], next_page_token: null },
    request: ["GET", `/v1/reports/batch/${BATCH_ID}/items?page_size=5&status=FAILED`],
  },
  {
    name: "the results, which have no pages",
    call: (client) => Array.fromAsync(client.results(BATCH_ID, { pageSize: 5 })),
    answer: { results: [] },
    request: ["GET", `/v1/reports/batch/${BATCH_ID}/results`],
  },
  {
    name: "a page of reports",
    call: (client) => Array.fromAsync(client.reports({ companyId: COMPANY_ID, statuses: [ReportStatus.PENDING] })),
    answer: { reports: [REPORT], next_page_token: null },
    request: ["GET", `/v1/reports?company_id=${COMPANY_ID}&status=PENDING`],
  },
  {
    name: "a registration",
    call: (client) => client.register("file:///a.htm", { ...ABOUT, requestId: REQUEST_ID }),
    answer: REPORT,
    request: [
      "POST",
      `/v1/reports?request_id=${REQUEST_ID}`,
      { company_id: COMPANY_ID, report_type: "10_K", source_uri: "file:///a.htm" },
    ],
  },
  {
    name: "a difference",
    call: (client) => client.getDelta(REPORT_ID, { baseReportId: REPORT_ID }),
    answer: { report_id: REPORT_ID, significance: "MAJOR", sections: [{ type: "MD_A", changes: { risk: 0.5 } }] },
    request: ["GET", `/v1/reports/${REPORT_ID}/delta?base_report_id=${REPORT_ID}`],
  },
  {
    name: "settings that are taken back",
    call: (client) => client.updateWebhookSettings(""),
    answer: { url: null, has_secret: true },
    request: ["PUT", "/v1/webhook", { url: "" }],
  },
  {
    name: "a new secret",
    call: (client) => client.rotateWebhookSecret(),
    answer: { secret: "whsec_x", settings: { url: null, has_secret: true } },
    request: ["POST", "/v1/webhook:rotateSecret", {}],
  },
];

for (const { name, call, answer, request } of ROUTES) {
  test(`${name} is asked for where the gateway has it`, () =>
    withGateway([json(answer)], async (client, { received }) => {
      await call(client);
      const sent = received.map(({ method, url, body }) => [
        method,
        url,
        ...(body.length > 0 ? [JSON.parse(new TextDecoder().decode(body)) as unknown] : []),
      ]);
      assert.deepEqual(sent, [request]);
    }));
}

test("an answer has what the contract says", () =>
  withGateway(
    [
      json({
        report_id: REPORT_ID,
        report_type: "8_K",
        title: null,
        content_size_bytes: 12,
        status: "7",
        created_at: "2024-05-06T07:08:09.123Z",
        of_a_newer_gateway: [1],
      }),
    ],
    async (client) => {
      const expected = create(ReportSchema, {
        reportId: REPORT_ID,
        reportType: ReportType.REPORT_TYPE_8_K,
        contentSizeBytes: 12n,
        status: 7 as ReportStatus,
        createdAt: timestampFromDate(new Date("2024-05-06T07:08:09.123Z")),
      });
      assert.deepEqual(await client.getReport(REPORT_ID), expected);
    },
  ));

test("the error of an item has its reason", () =>
  withGateway(
    [
      json({
        items: [
          { report_id: REPORT_ID, status: "FAILED", errors: [{ code: "FAILED_PRECONDITION", reason: "EMPTY", message: "no" }] },
          { report_id: REPORT_ID, status: "COMPLETED", errors: [] },
        ],
      }),
    ],
    async (client) => {
      const [failed, completed] = await Array.fromAsync(client.items(BATCH_ID));
      assert.ok(failed?.error);
      const { code, reason, message } = statusError(failed.error);
      assert.deepEqual({ code, reason, message }, { code: "FAILED_PRECONDITION", reason: "EMPTY", message: "no" });
      assert.equal(completed?.error, undefined);
    },
  ));

test("deliveries have their attempts", () =>
  withGateway(
    [
      json({
        deliveries: [
          { delivery_id: "d", status: "DELIVERED", attempts: [{ duration: "0.5s", response_status: null, error: null }] },
        ],
      }),
    ],
    async (client) => {
      const expected = create(WebhookDeliverySchema, {
        deliveryId: "d",
        status: WebhookDeliveryStatus.DELIVERED,
        attempts: [{ duration: durationFromMs(500) }],
      });
      assert.deepEqual(await client.webhookDeliveries(BATCH_ID), [expected]);
    },
  ));

test("a validation that found unknown reports names them", () =>
  withGateway([json({ ...BATCH, batch_id: null, unknown_report_ids: ["a"] })], async (client) => {
    await assert.rejects(client.submit(["a"], { validateOnly: true }), { metadata: { report_ids: "a", unknown_count: "1" } });
  }));

test("an upload is a form whose file comes last", () =>
  withGateway([json(REPORT, 201)], async (client, { received }) => {
    const options = { ...ABOUT, fiscalPeriod: "FY 2024", contentType: "text/html" };
    const report = await client.upload(new File(["revenue ", "grew"], "10k.htm"), options);
    assert.equal(report.reportId, REPORT_ID);
    const [request] = received;
    assert.equal(request?.url, "/v1/reports");
    const form = await new Response(request.body, { headers: request.headers }).formData();
    const file = form.get("file");
    assert.ok(file instanceof File);
    assert.deepEqual([file.name, file.type, await file.text()], ["10k.htm", "text/html", "revenue grew"]);
    form.delete("file");
    const fields = { company_id: COMPANY_ID, report_type: "10_K", fiscal_period: "FY 2024" };
    assert.deepEqual(Object.fromEntries(form), fields);
    assert.ok(new TextDecoder().decode(request.body).indexOf('name="file"') > 0);
  }));

test("headers are sent with every request, and asked for anew", () => {
  let asked = 0;
  const headers = () => ({ authorization: `Bearer ${++asked}` });
  return withGateway(
    [problem(503, { code: "UNAVAILABLE" }), json(REPORT)],
    async (client, { received }) => {
      await client.getReport(REPORT_ID);
      assert.deepEqual(received.map(({ headers }) => headers.get("authorization")), ["Bearer 1", "Bearer 2"]);
    },
    { headers },
  );
});

test("headers that cannot be had for a moment are asked for again, by a watch too", () => {
  let asked = 0;
  const headers = (): HeadersInit => {
    asked += 1;
    if (asked < 3) {
      throw new Error("no network");
    }
    return { authorization: `Bearer ${asked}` };
  };
  return withGateway(
    [events(told(9, "snapshot", { ...BATCH, status: "FAILED" }))],
    async (client, { received }) => {
      const causes: ReportsError[] = [];
      const found = await Array.fromAsync(client.watch(BATCH_ID, { onInterruption: (cause) => causes.push(cause) }));
      assert.deepEqual(sequences(found), [9]);
      assert.deepEqual(causes.map(({ message }) => message), Array(2).fill("the headers could not be had: no network"));
      assert.deepEqual(received.map(({ headers }) => headers.get("authorization")), ["Bearer 3"]);
    },
    { headers },
  );
});

test("headers are not sent to where a redirection leads", async () => {
  await using elsewhere = await Gateway.start(json(REPORT));
  const redirection: Answer = (response) => response.writeHead(307, { location: `${elsewhere.url}/v1` }).end();
  const options = { headers: { "x-api-key": "key" }, timeoutMs: 200 };
  await withGateway([redirection], (client) => assert.rejects(client.getReport(REPORT_ID), ReportsError), options);
  assert.deepEqual(elsewhere.received, []);
});

test("a problem is the error that gRPC would have told", () =>
  withGateway(
    [
      problem(404, {
        detail: "there is no report a",
        code: "NOT_FOUND",
        reason: "REPORT_NOT_FOUND",
        metadata: { report_ids: ["a", "b"], unknown_count: 2 },
      }),
    ],
    async (client) => {
      await assert.rejects(client.submit(["a", "b"]), {
        name: "NotFoundError",
        code: "NOT_FOUND",
        reason: "REPORT_NOT_FOUND",
        message: "there is no report a",
        metadata: { report_ids: "a,b", unknown_count: "2" },
      });
    },
  ));

test("a problem has fields, or limits", () =>
  withGateway(
    [
      problem(400, { code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST", errors: [{ field: "priority", message: "0 to 9" }] }),
      problem(429, { code: "RESOURCE_EXHAUSTED", reason: "LIMIT", errors: [{ field: "batches", message: "at most 10" }] }, { "retry-after": "7" }),
    ],
    async (client) => {
      await assert.rejects(client.submit([REPORT_ID], { priority: 12 }), (error: ReportsError) => {
        const [found] = error.fieldViolations;
        assert.deepEqual([found?.field, found?.description], ["priority", "0 to 9"]);
        return true;
      });
      await assert.rejects(client.submit([REPORT_ID]), (error: ReportsError) => {
        const [found] = error.quotaViolations;
        assert.deepEqual([found?.subject, found?.description, error.retryDelayMs], ["batches", "at most 10", 7000]);
        return true;
      });
    },
  ));

const OTHERS: readonly [string, Answer, string][] = [
  ["a page of a proxy", (response) => response.writeHead(401).end("<html>"), "UNAUTHENTICATED"],
  ["what is no gateway", (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"), "UNKNOWN"],
];

for (const [what, answer, code] of OTHERS) {
  test(`${what} is told for what it is`, () =>
    withGateway([answer], async (client, { received }) => {
      await assert.rejects(client.getReport(REPORT_ID), { code });
      assert.equal(received.length, 1);
    }));
}

test("a gateway that is away is called again with the same request id", () =>
  withGateway(
    [broken, problem(503, { code: "UNAVAILABLE" }), (response) => response.writeHead(502).end(), json(BATCH)],
    async (client, { received }) => {
      assert.equal((await client.submit([REPORT_ID])).batchId, BATCH_ID);
      assert.equal(received.length, 4);
      assert.equal(new Set(received.map(({ body }) => new TextDecoder().decode(body))).size, 1);
    },
  ));

test("a gateway that does not answer is told when the time is over", () =>
  withGateway(
    [() => {}],
    async (client, gateway) => {
      await assert.rejects(client.getReport(REPORT_ID), { code: "DEADLINE_EXCEEDED" });
      await gateway.left.promise;
    },
    { timeoutMs: 200 },
  ));

test("a call that its signal ends throws the reason", () =>
  withGateway([() => {}], async (client, gateway) => {
    const stop = new AbortController();
    const called = client.getReport(REPORT_ID, { signal: stop.signal });
    stop.abort(new RangeError("enough"));
    await assert.rejects(called, new RangeError("enough"));
    assert.equal(gateway.received.length <= 1, true);
  }));

const SNAPSHOT = told(3, "snapshot", BATCH);
const ITEM = { previous_status: "PENDING", item: { report_id: REPORT_ID, status: "FAILED", errors: [] }, counters: {} };
const PROGRESS = told(4, "progress", { report_id: REPORT_ID, step: "VALIDATION", fraction: 0.25 }, "");
const FINAL = { previous_status: "PROCESSING", batch: { ...BATCH, status: "COMPLETED" }, final: true };
const gone = (response: Parameters<Answer>[0]): void => void response.writeHead(204).end();

test("a watch reads events, and continues after a stream that broke off", () =>
  withGateway(
    [
      events(SNAPSHOT, told(4, "item_changed", ITEM) + PROGRESS, ": heartbeat\n\n"),
      problem(503, { code: "UNAVAILABLE" }),
      broken,
      events(told(5, "status_changed", FINAL)),
    ],
    async (client, { received }) => {
      const causes: ReportsError[] = [];
      const found = await Array.fromAsync(client.watch(BATCH_ID, { onInterruption: (cause) => causes.push(cause) }));
      assert.deepEqual(sequences(found), [3, 4, 4, 5]);
      assert.deepEqual(found.map(({ event }) => event.case), ["snapshot", "itemChanged", "progress", "statusChanged"]);
      assert.deepEqual(causes.map(({ code }) => code), ["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"]);
      const resumed = `${WATCH}?task_id=${TASK_ID}&after_sequence=4`;
      assert.deepEqual(received.map(({ url }) => url), [WATCH, resumed, resumed, resumed]);
    },
  ));

test("a batch that is over ends the watch, whichever way it is told", async () => {
  const over = told(9, "snapshot", { ...BATCH, status: "FAILED" });
  const notYet = told(9, "snapshot", { ...BATCH, status: "OF_A_NEWER_SERVER" });
  for (const answers of [[events(over)], [events(notYet), gone]]) {
    await withGateway(answers, async (client, { received }) => {
      assert.deepEqual(sequences(await Array.fromAsync(client.watch(BATCH_ID))), [9]);
      assert.equal(received.length, answers.length);
    });
  }
});

test("the end of an execution that was retried is not that of the stream", () =>
  withGateway(
    [
      events(SNAPSHOT, told(4, "status_changed", FINAL) + told(5, "item_changed", ITEM) + PROGRESS, ": heartbeat\n\n"),
      events(told(6, "status_changed", FINAL), ": heartbeat\n\n"),
    ],
    async (client, { received }) => {
      assert.deepEqual(sequences(await Array.fromAsync(client.watch(BATCH_ID))), [3, 4, 5, 4, 6]);
      assert.equal(received.length, 2);
    },
  ));

test("an event of a kind that the gateway does not know counts", () =>
  withGateway([events(SNAPSHOT, "id: 4\n\n", told(5, "status_changed", FINAL))], async (client) => {
    assert.deepEqual(sequences(await Array.fromAsync(client.watch(BATCH_ID))), [3, 4, 5]);
  }));

test("what cannot be read is no interruption", () =>
  withGateway([events("id: 1\ndata: {\n\n")], async (client, { received }) => {
    await assert.rejects(Array.fromAsync(client.watch(BATCH_ID)), { code: "INTERNAL" });
    assert.equal(received.length, 1);
  }));

test("after compaction the watch starts again with a snapshot", () =>
  withGateway(
    [
      json(BATCH),
      problem(410, { code: "OUT_OF_RANGE", reason: "SEQUENCE_COMPACTED", metadata: { oldest_sequence: 90 } }),
      events(told(100, "snapshot", BATCH), told(101, "status_changed", FINAL)),
    ],
    async (client, { received }) => {
      assert.deepEqual(sequences(await Array.fromAsync(client.watch(BATCH_ID, { afterSequence: 5 }))), [100, 101]);
      const ofTask = `${WATCH}?task_id=${TASK_ID}`;
      assert.deepEqual(received.map(({ url }) => url), [`${PATH}?view=BASIC`, `${ofTask}&after_sequence=5`, ofTask]);
    },
  ));

test("a batch that does not exist is told at once", () =>
  withGateway([problem(404, { code: "NOT_FOUND", reason: "BATCH_NOT_FOUND" })], async (client) => {
    await assert.rejects(Array.fromAsync(client.watch(BATCH_ID)), { name: "NotFoundError" });
  }));

test("heartbeats keep a stream, and their absence ends it", async () => {
  const alive: Answer = (response) => {
    endless(SNAPSHOT)(response, {} as never);
    const beats = setInterval(() => response.write(": heartbeat\n\n"), 100);
    setTimeout(() => {
      clearInterval(beats);
      response.end(told(4, "status_changed", FINAL));
    }, 2000);
  };
  const causes: ReportsError[] = [];
  const options = { heartbeatIntervalMs: 500, onInterruption: (cause: ReportsError) => causes.push(cause) };
  await withGateway([alive], async (client, { received }) => {
    assert.deepEqual(sequences(await Array.fromAsync(client.watch(BATCH_ID, options))), [3, 4]);
    assert.deepEqual(causes, []);
    assert.equal(received[0]?.url, `${WATCH}?heartbeat_interval=0.500s`);
  });
  await withGateway([endless(SNAPSHOT), events(told(4, "status_changed", FINAL))], async (client, gateway) => {
    assert.deepEqual(sequences(await Array.fromAsync(client.watch(BATCH_ID, options))), [3, 4]);
    assert.match(causes[0]?.message ?? "", /sent nothing for 1.5 s/);
    await gateway.left.promise;
  });
});

test("leaving the loop ends the stream at once", () =>
  withGateway([endless(SNAPSHOT)], async (client, gateway) => {
    for await (const event of client.watch(BATCH_ID)) {
      assert.equal(event.event.case, "snapshot");
      break;
    }
    await gateway.left.promise;
    assert.equal(gateway.received.length, 1);
  }));

test("calls of a closed client fail", () =>
  withGateway([() => {}], async (client) => {
    const called = client.getReport(REPORT_ID);
    client.close();
    await assert.rejects(called, { code: "CANCELLED", message: "the client was closed" });
  }));
