/** The progress bar of a batch: what succeeded, failed, was cancelled and runs. */

import { h, text } from "../dom.js";
import { number, percent } from "../format.js";

const PARTS = ["successful", "failed", "cancelled", "running"];

/** @returns {{element: HTMLElement, update: (batch: object) => void}} */
export function progressBar(label) {
  const parts = PARTS.map((name) => h(`span.bar-part.is-${name}`));
  const bar = h("div.bar", { role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, parts);
  const caption = h("span.bar-caption");
  return {
    element: h("div.bar-with-caption", {}, bar, caption),
    update(batch) {
      const total = batch.total_reports || 1;
      const processed = batch.successful + batch.failed + batch.cancelled;
      PARTS.forEach((name, index) => { parts[index].style.width = `${(100 * batch[name]) / total}%`; });
      const spoken = `${number(processed)} of ${number(batch.total_reports)} done`;
      bar.setAttribute("aria-valuenow", Math.floor((100 * processed) / total));
      bar.setAttribute("aria-valuetext", batch.failed ? `${spoken}, ${number(batch.failed)} failed` : spoken);
      text(caption, `${number(processed)} / ${number(batch.total_reports)} · ${percent(processed / total)}`);
    },
  };
}
