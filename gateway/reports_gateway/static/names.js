/** Names of reports, asked for once; items of a batch carry only the id. */

import { getReport } from "./api.js";
import { reportName, shortId } from "./format.js";

const AT_ONCE = 4;
const KEPT = 5_000;
const reports = new Map();
const waiting = [];
let running = 0;

/** Keep a report that came with another answer. */
export function remember(report) {
  if (reports.size >= KEPT) reports.delete(reports.keys().next().value);
  reports.set(report.report_id, Promise.resolve(report));
}

/** Give the name of a report to `show`, now the short id and the name when it is known. */
export function named(id, show) {
  show(`Report ${shortId(id)}`, null);
  if (!reports.has(id)) reports.set(id, new Promise((resolve) => { waiting.push([id, resolve]); next(); }));
  reports.get(id).then((report) => { if (report) show(reportName(report), report); });
}

function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  running += 1;
  const [id, resolve] = waiting.shift();
  getReport(id).then(resolve, () => { reports.delete(id); resolve(null); }).finally(() => { running -= 1; next(); });
}
