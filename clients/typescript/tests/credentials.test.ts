/** A client shows the server who it is, and tells nobody else. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { ReportsError } from "../src/index.js";
import { connect, type ConnectOptions } from "../src/node/index.js";
import { GetBatchResponseSchema } from "../src/v1.js";
import { Authority } from "./certificates.js";
import { BATCH_ID, batch, unavailable } from "./messages.js";
import { Peer } from "./peer.js";

const FOUND = create(GetBatchResponseSchema, { batch: batch() });
const AUTHORITY = new Authority("a test");
const SERVER = AUTHORITY.issue("localhost");

/** Call once and return the headers that came. */
async function called(peer: Peer, options: ConnectOptions): Promise<Headers | undefined> {
  const client = connect(peer.target, { timeoutMs: 2000, ...options });
  peer.answers["GetBatch"] ??= [FOUND];
  try {
    await client.getBatch(BATCH_ID);
  } finally {
    client.close();
  }
  return peer.received("GetBatch").at(-1)?.headers;
}

test("a token and a key are sent over TLS", async () => {
  await using peer = await Peer.start(SERVER);
  const headers = await called(peer, { tls: { ca: AUTHORITY.cert }, token: "secret", apiKey: () => "key" });
  assert.equal(headers?.get("authorization"), "Bearer secret");
  assert.equal(headers.get("x-api-key"), "key");
});

test("a token that changes is asked for before every attempt", async () => {
  await using peer = await Peer.start(SERVER);
  peer.answers["GetBatch"] = [unavailable(), FOUND];
  const tokens = ["first", "second"];
  await called(peer, { tls: { ca: AUTHORITY.cert }, token: async () => tokens.shift() ?? "" });
  const sent = peer.received("GetBatch").map(({ headers }) => headers.get("authorization"));
  assert.deepEqual(sent, ["Bearer first", "Bearer second"]);
});

test("a token that cannot be had for a moment is asked for again", async () => {
  await using peer = await Peer.start();
  const refused = new ConnectError("logged out", Code.Unauthenticated);
  const thrown = [new Error("no network"), Object.assign(new Error("connect"), { code: "ECONNREFUSED" })];
  const token = (): string => {
    const error = thrown.shift();
    if (error !== undefined) {
      throw error;
    }
    return "secret";
  };
  const headers = await called(peer, { token, allowPlaintext: true });
  assert.equal(headers?.get("authorization"), "Bearer secret");
  const away = { apiKey: () => Promise.reject(new Error("no network")), allowPlaintext: true, timeoutMs: 1000 };
  await assert.rejects(called(peer, away), { code: "UNAVAILABLE", message: "the API key could not be had: no network" });
  thrown.push(refused);
  await assert.rejects(called(peer, { token, allowPlaintext: true }), { code: "UNAUTHENTICATED", message: "logged out" });
});

test("a token or a key is not sent in the clear unless that is allowed", async () => {
  assert.throws(() => connect("127.0.0.1:1", { token: "secret" }), /only sent over TLS/);
  assert.throws(() => connect("127.0.0.1:1", { apiKey: "key" }), /only sent over TLS/);
  await using peer = await Peer.start();
  const headers = await called(peer, { token: "secret", allowPlaintext: true });
  assert.equal(headers?.get("authorization"), "Bearer secret");
});

test("a server that nobody vouches for is told nothing", async () => {
  await using peer = await Peer.start(SERVER);
  for (const tls of [true, { ca: new Authority("another").cert }, { ca: AUTHORITY.cert, serverName: "example.com" }]) {
    await assert.rejects(called(peer, { tls, token: "secret", timeoutMs: 300 }), ReportsError);
  }
  assert.equal(peer.received("GetBatch").length, 0);
});

test("a server that wants to know its clients accepts those of its authority", async () => {
  await using peer = await Peer.start({ ...SERVER, ca: AUTHORITY.cert, requestCert: true, rejectUnauthorized: true });
  const stranger = new Authority("another").issue("stranger");
  const bytes = Object.fromEntries(
    Object.entries(AUTHORITY.issue("client")).map(([name, pem]) => [name, new TextEncoder().encode(pem)]),
  );
  await called(peer, { tls: { ca: AUTHORITY.cert, ...bytes } });
  for (const identity of [{}, stranger]) {
    const options = { tls: { ca: AUTHORITY.cert, ...identity }, timeoutMs: 300 };
    await assert.rejects(called(peer, options), ReportsError);
  }
  assert.equal(peer.received("GetBatch").length, 1);
});

test("a target is a host and a port", () => {
  for (const target of ["", "http://127.0.0.1:50051", "host/path", "host:port"]) {
    assert.throws(() => connect(target), /write host:port/);
  }
  for (const target of ["127.0.0.1:50051", "[::1]:50051", "reports.example.com:443"]) {
    connect(target).close();
  }
});
