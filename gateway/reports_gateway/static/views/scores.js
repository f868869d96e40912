/** The scores of a batch's reports, side by side. */

import { isFinal } from "../activity.js";
import { results } from "../api.js";
import { SCORES, scoreBars, lineChart, textTable } from "../charts.js";
import { row } from "../components/table.js";
import { fill, h } from "../dom.js";
import { number, reportName, score } from "../format.js";
import { remember } from "../names.js";
import { reportLink } from "../router.js";

const MOST = 200;
const MOST_BARS = 12;

/** @returns {{element: HTMLElement, update: (batch: object) => void}} filled when the batch is final */
export function scoresPanel(id, signal) {
  const element = h("section.panel", { "aria-label": "Scores by report", hidden: true });
  let drawn = null;
  signal.addEventListener("abort", () => drawn?.destroy?.());

  async function load() {
    const found = [];
    let more = false;
    for await (const result of results(id, signal)) {
      remember(result.report);
      if (result.analysis) found.push(result);
      if (found.length >= MOST) { more = true; break; }
    }
    if (!found.length) return;
    element.hidden = false;
    fill(element, found.length > MOST_BARS ? lines(found) : bars(found), more && h("p.quiet", {}, `The first ${number(MOST)} reports; download the results for all.`));
  }

  const bars = (found) => scoreBars("Scores by report", found.map(({ report, analysis }) => ({
    name: reportName(report), note: [report.fiscal_period].filter(Boolean).join(" "), scores: analysis })));

  function lines(found) {
    const chart = lineChart("Scores by report, in the order of submission", SCORES, { time: false, max: 1, points: true });
    drawn?.destroy();
    drawn = chart;
    chart.update([found.map((_, index) => index + 1), ...SCORES.map(({ key }) => found.map(({ analysis }) => analysis[key]?.value ?? null))], `${found.length} reports`);
    const rows = found.map(({ report, analysis }) => row(h("a", { href: reportLink(report.report_id) }, reportName(report)), ...SCORES.map(({ key }) => (analysis[key] ? score(analysis[key].value) : "—"))));
    return [chart.element, textTable("Scores by report", ["Report", ...SCORES.map(({ label }) => label)], rows)];
  }

  return {
    element,
    update(batch) {
      if (isFinal(batch.status) && batch.successful) load().catch(() => { element.hidden = true; });
    },
  };
}
