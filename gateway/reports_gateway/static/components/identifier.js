/** An identifier, shortened, with a button that copies it. */

import { h } from "../dom.js";
import { shortId } from "../format.js";
import { toast } from "./toast.js";

export function identifier(id, what) {
  return h("span.identifier", {}, h("code", { title: id }, shortId(id)),
    h("button.copy", { type: "button", "aria-label": `Copy ${what} id ${id}`, title: "Copy", onclick: () => copy(id, what) },
      h("span.copy-mark", { "aria-hidden": "true" })));
}

async function copy(id, what) {
  try {
    await navigator.clipboard.writeText(id);
    toast(`The ${what} id is in the clipboard.`);
  } catch {
    toast(id); // No clipboard without https: show it, to be selected by hand.
  }
}
