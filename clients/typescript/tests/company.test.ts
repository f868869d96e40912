/** A company has the identifier that every client gives it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { companyId } from "../src/index.js";

// What `fna.reports.company_id` returns in Python.
const KNOWN: readonly [string, string][] = [
  ["Acme", "22aa2b7a-9e8c-5ffc-9444-eeec3252bb16"],
  ["  ACME\t", "22aa2b7a-9e8c-5ffc-9444-eeec3252bb16"],
  ["Acme  Corp", "cec82df6-0747-5a56-a904-18171b5c09da"],
  ["Stra\u00dfe AG", "58971d9f-82f9-5ab6-ada0-0a77ee8d7f65"],
  ["STRASSE ag", "58971d9f-82f9-5ab6-ada0-0a77ee8d7f65"],
  ["\u1e9e", "880d9c2c-2dc9-5e79-af11-99084cd15921"],
  ["\u039f\u0394\u039f\u03a3", "fa1653d6-4970-5efd-b8ea-6273b51e2ce7"],
  ["\u03a4\u03c1\u03ac\u03c0\u03b5\u03b6\u03b1 \u03c2", "a424e9e0-011b-5e3b-89dc-9d042ab1a733"],
  ["\u0130stanbul \u0131", "5099ad91-b147-5520-a81e-d2edf5408a30"],
  ["\u13a0\uab70", "668a3eab-09c6-5a3b-ba01-ca01240f5d8c"],
  ["a\u001cb\u0085c", "b73b73b6-7fff-513b-84cd-6dbe3e9569f7"],
  ["a\ufeffb", "e609d712-5baf-5827-9885-e53d5d6b7b46"],
  ["\u00c5ngstr\u00f6m \u65e5\u672c", "7ec119e0-35ca-53a6-b591-bda5f615361a"],
  ["", "90c5170f-b457-5631-857c-9df80b959e3f"],
  ["6C8CF1C6-5B0E-4D4F-9F0C-2B5A6B0B4F11", "6c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11"],
  ["{6c8cf1c65b0e4d4f9f0c2b5a6b0b4f11}", "6c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11"],
  ["urn:uuid:6c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11", "6c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11"],
];

for (const [company, expected] of KNOWN) {
  test(`${JSON.stringify(company)} is ${expected}`, () => {
    assert.equal(companyId(company), expected);
  });
}
