/** Numbers, times and names as people read them. */

const NUMBER = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export const number = (value) => NUMBER.format(value);

export const compact = (value) => (Math.abs(value) < 10_000 ? NUMBER : COMPACT).format(value).replace("-", "\u2212");

/** A share in percent; 100 is said only of all. */
export const percent = (fraction) => `${fraction < 1 ? Math.min(99, Math.round(fraction * 100)) : 100} %`;

export const score = (value) => value.toFixed(2);

/** A change with its sign; a true minus, so that columns align. */
export const change = (value) => `${value > 0 ? "+" : value < 0 ? "\u2212" : "\u00b1"}${Math.abs(value).toFixed(2)}`;

export const exactTime = (iso) => EXACT.format(new Date(iso));

/** How long ago, in words. */
export function relativeTime(iso, now = Date.now()) {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  }
  return Math.abs(seconds) < 10 ? "just now" : RELATIVE.format(Math.round(seconds), "second");
}

/** A length of time from seconds. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  return size < 1_048_576 ? `${(size / 1024).toFixed(0)} KB` : `${(size / 1_048_576).toFixed(1)} MB`;
}

export const shortId = (id) => id.slice(0, 8);

const NAMES = { MD_A: "MD&A", CEO_LETTER: "CEO letter", "10_K": "10-K", "10_Q": "10-Q", "8_K": "8-K", ANNUAL: "Annual report" };

/** `PARTIALLY_COMPLETED` as words. A name that this page does not know yet reads well too. */
export function words(name) {
  if (!name) return "Unknown";
  const lower = name.replaceAll("_", " ").toLowerCase();
  return NAMES[name] ?? lower.charAt(0).toUpperCase() + lower.slice(1);
}

/** `us-gaap:NetIncomeLoss` as `Net income loss`. */
export function concept(name) {
  const spaced = name.replace(/^.*:/, "").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export const reportName = (report) => report.title || report.file_name || `Report ${shortId(report.report_id)}`;
