/** A time, told from now, with the exact one as its title. */

import { h, text } from "../dom.js";
import { exactTime, relativeTime } from "../format.js";

const REFRESH_MILLISECONDS = 10_000;

export function timeAgo(iso) {
  if (!iso) return h("span.quiet", {}, "—");
  return h("time", { datetime: iso, title: exactTime(iso) }, relativeTime(iso));
}

setInterval(() => {
  for (const shown of document.querySelectorAll("time[datetime]")) text(shown, relativeTime(shown.dateTime));
}, REFRESH_MILLISECONDS);
