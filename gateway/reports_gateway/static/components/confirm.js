/** A question before something that cannot be undone. Escape says no. */

import { h } from "../dom.js";

/** @returns {Promise<boolean>} */
export function confirmed({ title, detail, action, keep, tone = "bad" }) {
  return new Promise((resolve) => {
    const dialog = h("dialog.dialog", { "aria-labelledby": "dialog-title", "aria-describedby": "dialog-detail" },
      h("h2", { id: "dialog-title" }, title),
      h("p", { id: "dialog-detail" }, detail),
      h("div.actions", {},
        h("button.button", { type: "button", onclick: () => dialog.close("no"), autofocus: true }, keep),
        h(`button.button.is-${tone}`, { type: "button", id: "confirm", onclick: () => dialog.close("yes") }, action)));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
