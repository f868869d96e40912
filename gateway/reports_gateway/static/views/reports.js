/** The reports that are known, newest first. */

import { listReports } from "../api.js";
import { empty, failure, loading } from "../components/states.js";
import { badge } from "../components/status.js";
import { row, table } from "../components/table.js";
import { timeAgo } from "../components/time.js";
import { fill, h } from "../dom.js";
import { bytes, reportName, words } from "../format.js";
import { remember } from "../names.js";
import { reportLink } from "../router.js";

const PAGE = 50;

export function reportsView(route, signal) {
  const body = h("div", {}, loading(6));
  const more = h("div.more");
  const rows = [];
  const company = route.parameters.get("company") ?? "";

  async function load(token = "") {
    try {
      const page = await listReports({ page_size: PAGE, page_token: token, company_id: company }, signal);
      page.reports.forEach(remember);
      rows.push(...page.reports.map((report) => row(h("a", { href: reportLink(report.report_id) }, reportName(report)),
        words(report.report_type), report.fiscal_period ?? h("span.absent", {}, "—"), badge(report.status), bytes(report.content_size_bytes), timeAgo(report.created_at))));
      fill(body, rows.length ? table("Reports", ["Report", "Type", "Period", "Status", "Size", "Added"], rows, ".stacked")
        : empty("No reports yet", "Upload a filing to have it analysed.", h("a.button.is-primary", { href: "#/upload" }, "Upload reports")));
      fill(more, page.next_page_token && h("button.button", { type: "button", onclick: () => load(page.next_page_token) }, "Show more"));
    } catch (error) {
      if (error.name !== "AbortError") fill(body, failure(error, () => load(token)));
    }
  }

  load();
  return h("div.page", {}, h("div.page-head", {}, h("div", {}, h("h1", {}, "Reports"), h("p.lead", {}, company ? "All reports of one company." : "Every filing that was uploaded, with its newest analysis."))), body, more);
}
