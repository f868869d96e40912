/** All batches, live, and how busy the system is. */

import { activity, isFinal } from "../activity.js";
import { getBatch, listBatches } from "../api.js";
import { lineChart } from "../charts.js";
import { empty, failure, loading } from "../components/states.js";
import { identifier } from "../components/identifier.js";
import { progressBar } from "../components/progress.js";
import { badge } from "../components/status.js";
import { timeAgo } from "../components/time.js";
import { toast } from "../components/toast.js";
import { fill, h, perFrame, text } from "../dom.js";
import { number, shortId, words } from "../format.js";
import { batchLink, go, replaceParameters } from "../router.js";

const STATUSES = ["PROCESSING", "CANCELLING", "COMPLETED", "PARTIALLY_COMPLETED", "FAILED", "CANCELLED"];
const PAGE = 25;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @param {import("../router.js").Route} route @param {AbortSignal} signal */
export function batchesView(route, signal) {
  const list = h("div.cards", { id: "batches" }, loading());
  const more = h("div.more");
  const filter = { status: route.parameters.get("status") ?? "", label: route.parameters.get("label") ?? "" };
  const cards = new Map();
  const listed = new Set();
  let search = "";
  let ready = false;

  async function load(token = "") {
    try {
      const page = await listBatches({ status: filter.status, label: filter.label, page_size: PAGE, page_token: token }, signal);
      if (!token) { listed.clear(); ready = true; }
      page.batches.forEach((batch) => listed.add(batch.batch_id));
      activity.learn(page.batches);
      fill(more, page.next_page_token && h("button.button", { type: "button", onclick: () => load(page.next_page_token) }, "Show more"));
      show();
    } catch (error) {
      if (error.name !== "AbortError") fill(list, failure(error, () => { fill(list, loading()); load(); }));
    }
  }

  function matches(batch) {
    if (filter.status && batch.status !== filter.status) return false;
    const [key, ...rest] = filter.label.split(":");
    if (filter.label && batch.labels[key] !== rest.join(":")) return false;
    return batch.batch_id.includes(search) && (listed.has(batch.batch_id) || !more.hasChildNodes() || !isFinal(batch.status));
  }

  function show() {
    if (!ready) return;
    const shown = [...activity.batches.values()].filter(matches).sort((a, b) => b.created_at.localeCompare(a.created_at));
    for (const id of cards.keys()) if (!shown.some((batch) => batch.batch_id === id)) cards.delete(id);
    const elements = shown.map((batch) => {
      if (!cards.has(batch.batch_id)) cards.set(batch.batch_id, card(batch));
      const one = cards.get(batch.batch_id);
      one.update(batch);
      return one.element;
    });
    // Only a different order touches the page: replaced elements would lose the focus.
    const wanted = elements.length ? elements : [nothing()];
    if (wanted.length !== list.children.length || wanted.some((one, index) => one !== list.children[index])) fill(list, wanted);
  }

  function nothing() {
    const filtered = filter.status || filter.label || search;
    return filtered
      ? empty("No batch matches", "Change the filter, or search by another id.")
      : empty("No batches yet", "Drop a few company reports here and watch them being analysed.", h("a.button.is-primary", { href: "#/upload" }, "Upload reports"));
  }

  async function find(id) {
    try {
      await getBatch(id, signal);
      go(batchLink(id));
    } catch (error) {
      if (error.name !== "AbortError") toast(error.message, "bad");
    }
  }

  function changed(form) {
    filter.status = form.elements.status.value;
    filter.label = form.elements.label.value.trim();
    search = form.elements.search.value.trim().toLowerCase();
    replaceParameters(new URLSearchParams(Object.entries(filter).filter(([, value]) => value)));
  }

  const form = h("form.filters", { role: "search", "aria-label": "Filter batches", onsubmit: (event) => {
    event.preventDefault();
    changed(form);
    if (UUID.test(search)) find(search);
    else load();
  } },
  h("label", {}, "Search by id", h("input", { name: "search", type: "search", placeholder: "Batch id", autocomplete: "off", "data-search": true,
    oninput: () => { changed(form); show(); } })),
  h("label", {}, "Status", h("select", { name: "status", onchange: () => { changed(form); load(); } },
    h("option", { value: "" }, "All"), STATUSES.map((status) => h("option", { value: status, selected: status === filter.status }, words(status))))),
  h("label", {}, "Label", h("input", { name: "label", placeholder: "key:value", value: filter.label, autocomplete: "off", pattern: "[^:]+:.*", title: "key:value",
    onchange: () => { if (form.elements.label.checkValidity()) { changed(form); load(); } else form.elements.label.reportValidity(); } })),
  h("button.sr-only", { type: "submit" }, "Apply"));

  const pulse = pulsePanel();
  const update = perFrame(() => { show(); pulse.update(); });
  activity.addEventListener("change", update, { signal });
  activity.addEventListener("sample", pulse.sample, { signal });
  signal.addEventListener("abort", pulse.destroy);
  pulse.update();
  load();
  return h("div.page", {},
    h("div.page-head", {}, h("div", {}, h("h1", {}, "Batches"), h("p.lead", {}, "Everything that is being read right now, and what came of it.")),
      h("a.button.is-primary", { href: "#/upload" }, "Upload reports")),
    pulse.element, form, list, more);
}

function card(batch) {
  const bar = progressBar(`Progress of batch ${shortId(batch.batch_id)}`);
  const status = h("span");
  const counts = h("span.counts");
  let shown = null;
  const element = h("article.card", { "data-batch": batch.batch_id },
    h("div.card-head", {}, h("h2", {}, h("a.card-link", { href: batchLink(batch.batch_id) }, title(batch))), status),
    bar.element,
    h("div.card-foot", {}, identifier(batch.batch_id, "batch"), timeAgo(batch.created_at), counts,
      Object.entries(batch.labels).map(([key, value]) => h("span.label", {}, `${key}:${value}`))));
  return {
    element,
    update(next) {
      bar.update(next);
      if (shown !== next.status) { shown = next.status; fill(status, badge(next.status)); }
      text(counts, [next.running && `${number(next.running)} running`, next.failed && `${number(next.failed)} failed`].filter(Boolean).join(" · "));
    },
  };
}

export const title = (batch) => `${number(batch.total_reports)} ${batch.total_reports === 1 ? "report" : "reports"}`;

/** Tiles and charts of what goes on. */
function pulsePanel() {
  const tiles = [["open", "Open batches"], ["waiting", "Reports waiting"], ["running", "Being analysed"], ["rate", "Done in the last minute"]]
    .map(([key, label]) => ({ key, value: h("strong", { "data-tile": key }, "0"), label }));
  const depth = lineChart("Queue depth", [{ label: "Waiting", colour: "--waiting" }, { label: "Running", colour: "--accent" }]);
  const rate = lineChart("Reports done per minute", [{ label: "Done", colour: "--good" }]);
  const sample = () => {
    const { samples } = activity;
    const last = samples.at(-1);
    if (!last) return;
    const at = samples.map((one) => one.at);
    depth.update([at, samples.map((one) => one.waiting), samples.map((one) => one.running)], `${last.waiting} waiting, ${last.running} running now`);
    rate.update([at, samples.map((one) => one.rate)], `${last.rate} in the last minute`);
    text(tiles[3].value, number(last.rate));
  };
  sample();
  return {
    element: h("section.pulse", { "aria-label": "Activity" },
      h("div.tiles", {}, tiles.map(({ value, label }) => h("div.tile", {}, h("span", {}, label), value))),
      h("div.panel", {}, depth.element), h("div.panel", {}, rate.element)),
    update() {
      const now = { ...activity.load, rate: activity.rate };
      for (const { key, value } of tiles) text(value, number(now[key]));
    },
    sample,
    destroy() { depth.destroy(); rate.destroy(); },
  };
}
