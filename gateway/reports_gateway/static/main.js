/** The dashboard: shows the view of the link, and what holds for all views. */

import { activity } from "./activity.js";
import { fill, h, text } from "./dom.js";
import { go, route } from "./router.js";
import { batchView } from "./views/batch.js";
import { batchesView } from "./views/batches.js";
import { reportView } from "./views/report.js";
import { reportsView } from "./views/reports.js";
import { take, uploadView } from "./views/upload.js";

const main = document.getElementById("main");
const TITLES = { batches: "Batches", reports: "Reports", upload: "Upload" };
const CONNECTION = { connecting: "Connecting", open: "Live", lost: "Reconnecting" };
const AWAY_MILLISECONDS = 2_500;
let leaving = null;
let away = null;

function view(found) {
  if (found.section === "batches") return found.id ? batchView : batchesView;
  if (found.section === "reports") return found.id ? reportView : reportsView;
  return found.section === "upload" ? uploadView : nowhere;
}

const nowhere = () => h("div.page", {}, h("div.empty", {}, h("h1", {}, "There is no such page"), h("p", {}, "The link may be old."),
  h("div.actions", {}, h("a.button", { href: "#/batches" }, "All batches"))));

function show(event) {
  if (location.hash === "#main") return;
  leaving?.abort();
  leaving = new AbortController();
  const found = route();
  fill(main, view(found)(found, leaving.signal));
  document.title = `${TITLES[found.section] ?? "Not found"} · FNA Reports`;
  for (const link of document.querySelectorAll("nav [data-section]")) {
    if (link.dataset.section === found.section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!event) return;
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function connection() {
  const live = document.getElementById("live");
  live.dataset.status = activity.status;
  text(document.getElementById("live-text"), CONNECTION[activity.status]);
  const banner = document.getElementById("banner");
  if (activity.status === "open") {
    clearTimeout(away);
    away = null;
    banner.hidden = true;
  } else if (activity.status === "lost") {
    away ??= setTimeout(() => {
      text(banner, "The gateway is away. What you see may be old; this page reconnects by itself.");
      banner.hidden = false;
    }, AWAY_MILLISECONDS);
  }
}

function keys(event) {
  const typing = event.target.closest("input, select, textarea, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("[data-search]");
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "b") go("#/batches");
  else if (event.key === "r") go("#/reports");
  else if (event.key === "u") go("#/upload");
}

function drop(event) {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  document.body.classList.remove("is-dragging");
  take(event.dataTransfer.files);
  go("#/upload");
}

document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
addEventListener("hashchange", show);
addEventListener("keydown", keys);
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("is-dragging"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("is-dragging"); });
addEventListener("drop", drop);
activity.addEventListener("connection", connection);
activity.start();
show();
