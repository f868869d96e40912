/** One report: its scores, what changed, its themes, risks and figures. */

import { getAnalysis, getDelta, getReport } from "../api.js";
import { SCORES, changeBars, gauge, scoreBars, sectionName } from "../charts.js";
import { identifier } from "../components/identifier.js";
import { empty, failure, loading } from "../components/states.js";
import { badge } from "../components/status.js";
import { facts, row, table } from "../components/table.js";
import { timeAgo } from "../components/time.js";
import { fill, h } from "../dom.js";
import { bytes, compact, concept, duration, number, percent, reportName, words } from "../format.js";
import { reportLink } from "../router.js";

const MOST_METRICS = 100;
const MOST_THEMES = 10;

/** @param {import("../router.js").Route} route @param {AbortSignal} signal */
export function reportView(route, signal) {
  const page = h("div.page", {}, loading(6));
  const absent = (error) => { if (error.status === 404) return null; throw error; };
  async function load() {
    try {
      const report = await getReport(route.id, signal);
      const [analysis, delta] = report.latest_analysis_id
        ? await Promise.all([getAnalysis(route.id, signal), getDelta(route.id, signal).catch(absent)]) : [null, null];
      fill(page, head(report, analysis), analysis ? body(report, analysis, delta) : unread(report));
    } catch (error) {
      if (error.name !== "AbortError") fill(page, failure(error, () => { fill(page, loading(6)); load(); }, "h1"));
    }
  }
  load();
  return page;
}

function head(report, analysis) {
  return [
    h("nav.crumbs", { "aria-label": "Breadcrumb" }, h("a", { href: "#/reports" }, "Reports"), h("span", { "aria-hidden": "true" }, "/"), identifier(report.report_id, "report")),
    h("div.page-head", {}, h("div", {}, h("h1", {}, reportName(report), " ", badge(report.status)),
      h("p.lead", {}, [words(report.report_type), report.fiscal_period, report.filing_date && `filed ${report.filing_date}`].filter(Boolean).join(" · ")))),
    h("section.panel", { "aria-label": "About the report" }, facts([
      ["File", report.file_name], ["Content", `${report.content_type ?? "unknown"}, ${bytes(report.content_size_bytes)}`],
      ["Company", h("a", { href: `#/reports?company=${encodeURIComponent(report.company_id)}`, title: report.company_id }, "All its reports")],
      ["Added", timeAgo(report.created_at)],
      ["Analysed", analysis && timeAgo(analysis.completed_at)], ["Model", analysis?.model_version],
      ["Took", analysis?.processing_time && duration(parseFloat(analysis.processing_time))]])),
  ];
}

function unread(report) {
  const waiting = report.status === "PENDING" || report.status === "PROCESSING";
  return empty(waiting ? "Not analysed yet" : "There is no analysis", waiting
    ? "Its scores appear here once a batch with this report is done." : "The last analysis failed; its batch says why and what to do.",
  h("a.button", { href: "#/batches" }, "All batches"));
}

function body(report, analysis, delta) {
  return [
    analysis.warnings.length > 0 && h("section.note", { "aria-label": "Warnings" }, h("h2", {}, "Good to know"), h("ul", {}, analysis.warnings.map((warning) => h("li", {}, warning)))),
    h("section.panel.gauges", { "aria-label": "Scores", id: "scores" }, SCORES.map((one) => gauge(one, analysis[one.key]))),
    h("div.columns", {},
      h("div.column", {}, sections(analysis.sections), risks(analysis.risk_indicators)),
      h("div.column", {}, h("section.panel", { "aria-label": "Change" }, delta ? changes(delta) : firstOfItsKind()), themes(analysis.key_themes))),
    analysis.model_review && review(analysis.model_review),
    metrics(analysis.financial_metrics, delta),
  ];
}

const sections = (found) => h("section.panel", { "aria-label": "Scores by section" }, found.length
  ? scoreBars("Scores by section", found.map((section) => ({ name: sectionName(section), note: `${number(section.word_count)} words`, scores: section })))
  : h("p.quiet", {}, "No section of its own was found."));

const firstOfItsKind = () => h("div.small-empty", {}, h("h2", {}, "Change"),
  h("p.quiet", {}, "There is no earlier report of this company and type to compare with. Upload one, and the change appears here."));

function changes(delta) {
  return [changeBars("Change against the previous report", delta.changes),
    h("p", {}, badge(delta.significance), " against ", h("a", { href: reportLink(delta.base_report_id) }, delta.base_fiscal_period ?? "the previous report")),
    themeChanges("New themes", delta.themes_added, "+"), themeChanges("Gone", delta.themes_removed, "\u2212"),
    delta.warnings.length > 0 && h("ul.change-notes", {}, delta.warnings.map((warning) => h("li", {}, inWords(warning))))];
}

/** The service names sections as the contract does. */
const inWords = (sentence) => sentence.replace(/\b[A-Z]+(_[A-Z]+)+\b/g, words);

const themeChanges = (title, names, mark) => names.length > 0 &&
  h("p.theme-changes", {}, h("span.quiet", {}, `${title} `), names.map((name) => h("span.label", {}, `${mark} ${name}`)));

function themes(found) {
  const most = Math.max(...found.map(({ weight }) => weight), 0.01);
  return h("section.panel", { "aria-label": "Key themes" }, h("h2", {}, "Key themes"), found.length
    ? h("ol.themes", {}, found.slice(0, MOST_THEMES).map(({ label, weight }) => {
      const bar = h("span.theme-bar", { "aria-hidden": "true" });
      bar.style.width = `${(100 * weight) / most}%`;
      return h("li", {}, bar, h("span", {}, label), h("strong", {}, percent(weight)));
    }))
    : h("p.quiet", {}, "No theme stands out."),
  found.length > MOST_THEMES && h("p.quiet.rest", {}, `Also: ${found.slice(MOST_THEMES).map(({ label }) => label).join(", ")}.`));
}

function risks(found) {
  return h("section.panel", { "aria-label": "Risk passages" }, h("h2", {}, "Risk passages"), found.length
    ? h("ul.risks", {}, found.map(({ label, severity, excerpt }) => h("li", {},
      h("div", {}, h("strong", {}, words(label)), h(`span.severity${severity >= 0.66 ? ".is-high" : ""}`, {}, `Severity ${percent(severity)}`)), h("blockquote", {}, excerpt))))
    : h("p.quiet", {}, "No passage of risk was found."));
}

function review({ model, summary, findings }) {
  return h("section.panel", { "aria-label": "Model review" }, h("h2", {}, "Model review"), h("p.quiet", {}, `Written by ${model}; quotes are checked against the report, statements are not.`),
    h("p", {}, summary), h("ul.risks", {}, findings.map((finding) => h("li", {}, h("p", {}, finding.statement), h("blockquote", {}, finding.quote),
      h("small.quiet", {}, finding.section_heading ?? words(finding.section_type))))));
}

function metrics(found, delta) {
  const before = new Map((delta?.metrics ?? []).map((metric) => [`${metric.concept} ${metric.unit}`, metric]));
  const rows = found.slice(0, MOST_METRICS).map(({ concept: name, value, unit, period_start: start, period_end: end }) => {
    const base = before.get(`${name} ${unit}`);
    const moved = base?.value === value && base.relative_change !== null ? `${base.relative_change > 0 ? "+" : "\u2212"}${Math.abs(base.relative_change * 100).toFixed(1)} %` : "—";
    const cells = [h("span", { title: number(value) }, compact(value)), unit ?? "", [start, end].filter(Boolean).join(" – ")];
    return row(h("span", { title: name }, concept(name)), ...cells, ...(before.size ? [moved] : []));
  });
  return h("section", { "aria-label": "Financial facts" }, h("h2", {}, "Financial facts"), rows.length
    ? table("Financial facts", ["Concept", "Value", "Unit", "Period", ...(before.size ? ["Change"] : [])], rows, ".metrics")
    : h("p.quiet", {}, "The document carries no tagged facts; only iXBRL files do."),
  found.length > MOST_METRICS && h("p.quiet", {}, `The first ${MOST_METRICS} of ${number(found.length)}.`));
}
