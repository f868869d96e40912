/** One report of a batch, as a row that changes. */

import { h, fill, text } from "../dom.js";
import { named } from "../names.js";
import { number, percent, words } from "../format.js";
import { reportLink } from "../router.js";
import { badge } from "./status.js";
import { timeAgo } from "./time.js";

export function itemRow(first) {
  let item = first;
  const name = h("a", { href: reportLink(first.report_id) });
  const about = h("small");
  const status = h("td");
  const step = h("span");
  const track = h("span.mini-bar", { "aria-hidden": "true" }, h("span"));
  const attempts = h("td.numeric");
  const finished = h("td");
  const errors = h("div.errors");
  const element = h("tr", { "data-report": first.report_id }, h("th", { scope: "row" }, name, about, errors), status, h("td.step", {}, step, track), attempts, finished);
  named(first.report_id, (found, report) => {
    text(name, found);
    if (report) text(about, [words(report.report_type), report.fiscal_period].filter(Boolean).join(" · "));
  });

  function showStep(at, fraction) {
    const running = item.status === "PROCESSING";
    text(step, running && at ? `${words(at)} · ${percent(fraction)}` : running ? "Starting" : "—");
    track.hidden = !running;
    track.firstChild.style.width = `${100 * fraction}%`;
  }

  function update(next) {
    item = next;
    element.dataset.status = item.status;
    fill(status, badge(item.status));
    text(attempts, number(item.attempt_count));
    fill(finished, timeAgo(item.processed_at));
    fill(errors, item.errors.map((error) => h("p", {}, h("strong", {}, words(error.reason ?? error.code)), " ", error.message)),
      item.status === "RETRYING" && item.next_attempt_at && h("p", {}, "Tried again ", timeAgo(item.next_attempt_at)));
    showStep(item.step, item.progress);
  }

  update(first);
  return {
    element,
    update,
    progress(event) {
      if (event.attempt_count === item.attempt_count) showStep(event.step, event.fraction);
    },
  };
}
