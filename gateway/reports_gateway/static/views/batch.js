/** One batch and its items, as they change. */

import { activity, fold, isFinal } from "../activity.js";
import { cancelBatch, getBatch, listItems, query, resultsUrl, retryBatch } from "../api.js";
import { confirmed } from "../components/confirm.js";
import { identifier } from "../components/identifier.js";
import { itemRow } from "../components/item.js";
import { progressBar } from "../components/progress.js";
import { failure, loading } from "../components/states.js";
import { badge } from "../components/status.js";
import { facts, table } from "../components/table.js";
import { timeAgo } from "../components/time.js";
import { announce, toast } from "../components/toast.js";
import { fill, h, text } from "../dom.js";
import { Stream } from "../events.js";
import { duration, number, words } from "../format.js";
import { scoresPanel } from "./scores.js";
import { title } from "./batches.js";

const PAGE = 50;
/** Items come and go too quickly to ask for the page again at each. */
const BETWEEN_RELOADS = 1_000;
const ITEM_STATUSES = ["PENDING", "PROCESSING", "RETRYING", "COMPLETED", "FAILED", "CANCELLED"];

/** @param {import("../router.js").Route} route @param {AbortSignal} signal */
export function batchView(route, signal) {
  const page = h("div.page", {}, loading(6));
  const start = () => new OpenBatch(route.id, page, signal).open().catch((error) => {
    if (error.name !== "AbortError") fill(page, failure(error, () => { fill(page, loading(6)); start(); }, "h1"));
  });
  start();
  return page;
}

class OpenBatch {
  constructor(id, page, signal) {
    Object.assign(this, { id, page, signal });
    this.rows = new Map();
    this.filter = "";
    this.tokens = [""];
    this.loads = 0;
    this.missed = null;
    this.body = h("div", {}, loading());
    this.bar = progressBar("Progress of the batch");
    this.status = h("span", { id: "batch-status" });
    this.actions = h("div.actions");
    this.facts = h("div");
    this.counts = h("p.quiet");
    this.previousPage = h("button.button", { type: "button", id: "previous-page", onclick: () => this._turn(this.tokens.slice(0, -1)) }, "Previous");
    this.nextPage = h("button.button", { type: "button", id: "next-page", onclick: () => this._turn([...this.tokens, this.next]) }, "Next");
    this.pageText = h("span");
    this.pager = h("nav.pager", { "aria-label": "Pages of items", hidden: true }, this.previousPage, this.pageText, this.nextPage);
    this.scores = scoresPanel(id, signal);
  }

  async open() {
    this.batch = await getBatch(this.id, this.signal);
    this._build();
    this._show();
    await this._load();
    this._watch();
    activity.addEventListener("change", () => this._retriedElsewhere(), { signal: this.signal });
  }

  /** Follow a new execution that somebody else started: the stream of the one before has ended. */
  _retriedElsewhere() {
    const known = activity.batches.get(this.id);
    if (!known || !isFinal(this.batch.status) || known.execution_count <= this.batch.execution_count) return;
    this.batch = known;
    this._show();
    this.sequence = undefined;
    this._load().then(() => this._watch(), (error) => { if (error.name !== "AbortError") toast(error.message, "bad"); });
  }

  _build() {
    fill(this.page,
      h("nav.crumbs", { "aria-label": "Breadcrumb" }, h("a", { href: "#/batches" }, "Batches"), h("span", { "aria-hidden": "true" }, "/"), identifier(this.id, "batch")),
      h("div.page-head", {}, h("div", {}, h("h1", {}, title(this.batch), " ", this.status), this.counts), this.actions),
      h("section.panel", { "aria-label": "Progress" }, this.bar.element, this.facts),
      this.scores.element,
      h("section", { "aria-label": "Reports of the batch" },
        h("div.section-head", {}, h("h2", {}, "Reports"),
          h("label.inline", {}, "Show ", h("select", { id: "item-filter", onchange: (event) => { this.filter = event.target.value; this._turn([""]); } },
            h("option", { value: "" }, "all"), ITEM_STATUSES.map((status) => h("option", { value: status }, words(status).toLowerCase()))))),
        this.body, this.pager));
    this.signal.addEventListener("abort", () => this.stream?.close());
  }

  /** Show a page of items; of several that are asked for at once the last one counts. */
  async _load() {
    const load = ++this.loads;
    this.missed = [];
    const found = await listItems(this.id, { page_size: PAGE, page_token: this.tokens.at(-1), status: this.filter }, this.signal);
    if (load !== this.loads) return;
    if (!found.items.length && this.tokens.length > 1) {
      this.tokens.pop();
      await this._load();
      return;
    }
    this.sequence ??= found.last_sequence;
    this.rows = new Map(found.items.map((item) => [item.position, itemRow(item)]));
    const rows = [...this.rows.values()].map((one) => one.element);
    fill(this.body, rows.length
      ? table("Reports of the batch", ["Report", "Status", "Step", "Attempts", "Finished"], rows, ".items.stacked")
      : h("p.quiet.nothing", {}, "No report of this batch has that status."));
    this._showPager(found.next_page_token);
    // What was told while the answer was on its way, and is newer than it.
    const missed = this.missed;
    this.missed = null;
    for (const event of missed) if (event.sequence > found.last_sequence) this._foldItem(event);
  }

  _showPager(next) {
    const page = this.tokens.length;
    const from = (page - 1) * PAGE;
    this.next = next;
    this.pager.hidden = page === 1 && !next;
    this.previousPage.disabled = page === 1;
    this.nextPage.disabled = !next;
    // Of a status the number of items changes, and those before this page with it.
    text(this.pageText, this.filter ? `Page ${number(page)}` : `${number(from + 1)}\u2013${number(from + this.rows.size)} of ${number(this.batch.total_reports)}`);
  }

  _turn(tokens) {
    this.tokens = tokens;
    this._reload();
  }

  _reload() {
    this._load().catch((error) => { if (error.name !== "AbortError") toast(error.message, "bad"); });
  }

  /** Ask for the page again soon, once for all that happens until then. */
  _reloadSoon() {
    this.reloading ??= setTimeout(() => {
      this.reloading = null;
      if (!this.signal.aborted) this._reload();
    }, BETWEEN_RELOADS);
  }

  _watch() {
    this.stream?.close();
    if (isFinal(this.batch.status) || this.signal.aborted) return;
    const after = this.sequence;
    this.stream = new Stream(
      (lastId) => query(`/v1/reports/batch/${encodeURIComponent(this.id)}/events`, { after_sequence: lastId ?? after }),
      (events) => this._fold(events),
    );
  }

  /** Take the events of one frame: the counters once, and the rows that are on this page. */
  _fold(events) {
    for (const event of events) {
      this.batch = fold(this.batch, event) ?? this.batch;
      this.missed?.push(event);
      this._foldItem(event);
      if (event.status_changed?.final) this.stream.close();
    }
    this._show();
  }

  _foldItem({ item_changed: changed, items_changed: many, progress }) {
    if (progress) this.rows.get(progress.position)?.progress(progress);
    if (many && (this.filter || many.positions.some((position) => this.rows.has(position)))) this._reloadSoon();
    if (!changed) return;
    this.rows.get(changed.item.position)?.update(changed.item);
    if (this.filter && this.rows.has(changed.item.position) !== (changed.item.status === this.filter)) this._reloadSoon();
  }

  _show() {
    const { batch } = this;
    this.bar.update(batch);
    const waiting = Math.max(0, batch.total_reports - batch.successful - batch.failed - batch.cancelled - batch.running);
    text(this.counts, [[batch.successful, "succeeded"], [batch.failed, "failed"], [batch.cancelled, "cancelled"], [batch.running, "running"], [waiting, "waiting"]]
      .filter(([count]) => count).map(([count, name]) => `${number(count)} ${name}`).join(" · "));
    announce(`${number(batch.successful + batch.failed + batch.cancelled)} of ${number(batch.total_reports)} reports done`);
    if (this.shown === `${batch.status} ${batch.execution_count}`) return;
    this.shown = `${batch.status} ${batch.execution_count}`;
    fill(this.status, badge(batch.status));
    fill(this.actions, this._buttons());
    fill(this.facts, facts([
      ["Submitted", timeAgo(batch.created_at)],
      ["Finished", batch.processed_at && timeAgo(batch.processed_at)],
      ["Took", batch.processed_at && batch.started_at && duration((new Date(batch.processed_at) - new Date(batch.started_at)) / 1000)],
      ["Priority", batch.priority], ["Execution", number(batch.execution_count)],
      ["Labels", Object.keys(batch.labels).length ? Object.entries(batch.labels).map(([key, value]) => h("span.label", {}, `${key}:${value}`)) : null],
      ["Task", batch.task_id && identifier(batch.task_id, "task")],
    ]));
    this.scores.update(batch);
  }

  _buttons() {
    const { batch } = this;
    const incomplete = batch.failed + batch.cancelled;
    return [
      batch.status === "PROCESSING" && h("button.button.is-bad-quiet", { type: "button", id: "cancel", onclick: () => this._cancel() }, "Cancel batch"),
      isFinal(batch.status) && incomplete > 0 && h("button.button.is-primary", { type: "button", id: "retry", onclick: () => this._retry(incomplete) }, `Retry ${number(incomplete)}`),
      ["csv", "json"].map((format) => h("a.button", { href: resultsUrl(this.id, format), download: `batch-${this.id}.${format}` }, format.toUpperCase(), h("span.sr-only", {}, " download of the results"), h("span", { "aria-hidden": "true" }, " ↓"))),
    ];
  }

  async _cancel() {
    const detail = "Reports that are done stay done. Those that run are stopped, and those that wait do not start.";
    if (await confirmed({ title: "Cancel this batch?", detail, action: "Cancel batch", keep: "Keep it running" })) this._act(() => cancelBatch(this.id), "Cancellation requested.");
  }

  async _retry(count) {
    const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), String).join("-");
    const detail = `${number(count)} ${count === 1 ? "report that" : "reports that"} did not succeed will be analysed again. Results that are there stay.`;
    if (await confirmed({ title: "Run the rest again?", detail, action: "Retry", keep: "Not now", tone: "primary" })) this._act(() => retryBatch(this.id, key), "A new execution has started.");
  }

  async _act(call, message) {
    try {
      this.batch = { ...(await call()), results: [] };
      toast(message, "good");
      this._show();
      this.sequence = undefined;
      await this._load();
      this._watch();
    } catch (error) {
      toast(error.message, "bad");
    }
  }
}
