/** What a view shows instead of its content: nothing yet, nothing at all, or what went wrong. */

import { h } from "../dom.js";

export const loading = (rows = 4) =>
  h("div.skeleton", { role: "status", "aria-label": "Loading" }, Array.from({ length: rows }, () => h("span")));

export const empty = (title, detail, ...actions) =>
  h("div.empty", {}, h("div.empty-mark", { "aria-hidden": "true" }, "◌"), h("h2", {}, title), h("p", {}, detail), h("div.actions", {}, actions));

/** @param {"h1" | "h2"} [heading] h1 where nothing else names the page */
export const failure = (error, retry, heading = "h2") =>
  h("div.empty.is-failure", { role: "alert" }, h(heading, {}, error.status === 404 ? "Not found" : "This did not work"),
    h("p", {}, error.message),
    h("div.actions", {}, retry && h("button.button", { type: "button", onclick: retry }, "Try again"), h("a.button", { href: "#/batches" }, "All batches")));
