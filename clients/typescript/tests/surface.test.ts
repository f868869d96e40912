/** What the package exports is what it promises, no more and no less. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as browser from "../src/browser/index.js";
import * as core from "../src/index.js";
import * as node from "../src/node/index.js";

test("the exports are pinned", () => {
  assert.deepEqual(Object.keys(core).sort(), [
    "AccessDeniedError",
    "BatchHandle",
    "BatchItemStatus",
    "BatchStatus",
    "BatchView",
    "COMPANY_NAMESPACE",
    "ConflictError",
    "DataLossError",
    "DeadlineExceededError",
    "InvalidRequestError",
    "LimitExceededError",
    "MAX_CONTENT_BYTES",
    "NotFoundError",
    "OutOfRangeError",
    "PreconditionError",
    "ReportStatus",
    "ReportType",
    "ReportsClient",
    "ReportsError",
    "UnavailableError",
    "companyId",
    "statusError",
  ]);
  assert.deepEqual(Object.keys(browser), ["connect"]);
  assert.deepEqual(Object.keys(node).sort(), ["connect", "uploadFile"]);
});
