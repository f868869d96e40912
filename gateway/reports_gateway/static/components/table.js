/** Tables that can be scrolled by keyboard, and lists of facts. */

import { h } from "../dom.js";

/** @param {string} caption @param {string[]} heads @param {Node[]} rows */
export function table(caption, heads, rows, kind = "") {
  return h("div.table-frame", { tabindex: 0, role: "group", "aria-label": caption },
    h(`table${kind}`, {}, h("caption.sr-only", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows)));
}

/** A row; the first cell names it. */
export const row = (first, ...cells) => h("tr", {}, h("th", { scope: "row" }, first), cells.map((cell) => h("td", {}, cell)));

/** Pairs of a name and a value; pairs without a value are left out. */
export const facts = (pairs) =>
  h("dl.facts", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
