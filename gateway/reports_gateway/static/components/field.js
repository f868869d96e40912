/** A control with its name, and beneath it what the service says against its value. */

import { h, text } from "../dom.js";

let made = 0;

/**
 * @param {string} label @param {HTMLInputElement | HTMLSelectElement} control
 * @returns {{element: HTMLElement, control: HTMLElement, value: string, fail: (message: string) => void, clear: () => void}}
 */
export function field(label, control) {
  const error = h("span.field-error", { id: `field-error-${++made}`, role: "alert" });
  const clear = () => {
    text(error, "");
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  };
  control.addEventListener("input", clear);
  return {
    element: h("div.field", {}, h("label", {}, label, control), error),
    control,
    get value() { return control.value.trim(); },
    fail(message) {
      text(error, message);
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", error.id);
    },
    clear,
  };
}
