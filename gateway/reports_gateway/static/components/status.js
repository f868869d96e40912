/** A status as a badge: a shape and a word, so that colour alone says nothing. */

import { h } from "../dom.js";
import { words } from "../format.js";

const TONES = {
  COMPLETED: ["good", "✓"], PARTIALLY_COMPLETED: ["warn", "◐"], FAILED: ["bad", "✕"], CANCELLED: ["calm", "–"],
  CANCELLING: ["warn", "…"], PROCESSING: ["busy", "●"], RETRYING: ["warn", "↻"], PENDING: ["calm", "○"],
  MINOR: ["calm", "·"], MODERATE: ["busy", "▪"], MAJOR: ["warn", "▲"], CRITICAL: ["bad", "▲"],
};

export function badge(status) {
  const [tone, mark] = TONES[status] ?? ["calm", "·"];
  return h(`span.badge.tone-${tone}`, { "data-status": status }, h("span", { "aria-hidden": "true" }, mark), words(status));
}
