/** Short messages at the edge of the page, and what only a screen reader hears. */

import { h, text } from "../dom.js";

const SHOWN_MILLISECONDS = 6_000;
const BETWEEN_ANNOUNCEMENTS = 5_000;
let pending = null;
let timer = null;

export function toast(message, tone = "calm") {
  const shown = h(`div.toast.tone-${tone}`, {}, message);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), SHOWN_MILLISECONDS);
}

/** Say something to screen readers, at most once in five seconds; the newest wins. */
export function announce(message) {
  pending = message;
  if (timer) return;
  timer = setTimeout(() => {
    timer = null;
    text(document.getElementById("announcer"), pending);
  }, BETWEEN_ANNOUNCEMENTS);
}
