/** Charts over time by uPlot, and bars of scores; each has its figures as text too. */

import { h, svg } from "./dom.js";
import { change, score, words } from "./format.js";
import { row, table } from "./components/table.js";

/** @typedef {{label: string, colour: string}} Series `colour` is the name of a CSS variable */

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const CHART_HEIGHT = 150;
const SHORTEST_SECONDS = 60;

/**
 * A line chart whose x axis is a number or a time.
 * @param {string} title @param {Series[]} series @param {{time?: boolean, max?: number, names?: (x: number) => string}} options
 */
export function lineChart(title, series, { time = true, max = null, points = false } = {}) {
  const frame = h("div.chart", { role: "img", "aria-label": title });
  let chart = null;
  let data = [[], ...series.map(() => [])];

  function build() {
    chart?.destroy();
    chart = new uPlot(options(), data, frame);
  }

  function options() {
    const axis = { stroke: colour("--ink-quiet"), font: "11px system-ui", grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    return {
      width: Math.max(frame.clientWidth, 100), height: CHART_HEIGHT, legend: { show: false }, cursor: { show: false },
      scales: { x: { time, range: (_, from, to) => (time ? [Math.min(from, to - SHORTEST_SECONDS), to] : [from, Math.max(to, from + 1)]) }, y: { range: (_, __, top) => [0, max ?? Math.max(4, Math.ceil((top ?? 0) * 1.15))] } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 90, values: time ? (_, ticks) => ticks.map(clock) : (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick : "")) },
        { ...axis, size: 38, space: 34 },
      ],
      series: [{}, ...series.map(({ label, colour: name }) => ({
        label, stroke: colour(name), width: 2, fill: time ? `${colour(name)}22` : null, points: { show: points, size: 7, fill: colour(name) },
      }))],
    };
  }

  const observer = new ResizeObserver(() => {
    if (!frame.clientWidth) return;
    if (chart) chart.setSize({ width: frame.clientWidth, height: CHART_HEIGHT });
    else build();
  });
  observer.observe(frame);
  addEventListener("themechange", build);
  return {
    element: h("figure.figure", {}, h("figcaption", {}, h("span", {}, title), legend(series)), frame),
    /** @param {number[][]} next x values, then one list a series */
    update(next, spoken) {
      data = next;
      chart?.setData(data);
      if (spoken) frame.setAttribute("aria-label", `${title}: ${spoken}`);
    },
    destroy() {
      observer.disconnect();
      removeEventListener("themechange", build);
      chart?.destroy();
    },
  };
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const legend = (series) =>
  h("span.legend", {}, series.map(({ label, colour: name }) => h("span", {}, h(`i.swatch.of${name}`, { "aria-hidden": "true" }), label)));

export const SCORES = [
  { key: "optimism", label: "Optimism", colour: "--optimism" },
  { key: "risk", label: "Risk", colour: "--risk" },
  { key: "uncertainty", label: "Uncertainty", colour: "--uncertainty" },
];

/** Groups of bars from 0 to 1, one group a name, with the same figures as a table. */
export function scoreBars(title, groups) {
  const shown = groups.map(({ name, note, scores }) => h("div.bars-group", {},
    h("div.bars-name", {}, h("span", {}, name), note && h("small", {}, note)),
    h("div.bars", {}, SCORES.map(({ key, colour: token }) => meter(scores[key], token)))));
  const rows = groups.map(({ name, scores }) => row(name, ...SCORES.map(({ key }) => (scores[key] ? score(scores[key].value) : "—"))));
  return h("figure.figure", {}, h("figcaption", {}, h("span", {}, title), legend(SCORES)),
    h("div", { "aria-hidden": "true" }, shown), textTable(title, ["", ...SCORES.map(({ label }) => label)], rows));
}

function meter(found, token) {
  const value = found?.value ?? 0;
  return h("div.meter", {}, track(token, 0, value),
    h("span.meter-value", {}, found ? score(value) : "—"));
}

/** Bars to both sides of zero, for changes from -1 to 1. */
export function changeBars(title, changes) {
  const bars = [...SCORES, { key: "overall", label: "Overall", colour: "--accent" }].map(({ key, label, colour: token }) => {
    const half = Math.max(-1, Math.min(1, changes[key])) / 2;
    return h("div.change-row", {}, h("span", {}, label),
      track(token, 0.5 + Math.min(half, 0), Math.abs(half), true),
      h("strong", {}, change(changes[key])));
  });
  return h("figure.figure", { "aria-label": title }, h("figcaption", {}, title), bars);
}

/** A bar from `start` over `length` of its track, both as shares of it. */
function track(token, start, length, centred = false) {
  const bar = h(`span.of${token}`);
  bar.style.left = `${100 * start}%`;
  bar.style.width = `${100 * length}%`;
  return h(`span.track${centred ? ".is-centred" : ""}`, { "aria-hidden": "true" }, bar);
}

/** The figures of a chart, for who cannot see it or wants them exactly. */
export const textTable = (title, heads, rows) => h("details.figures", {}, h("summary", {}, "Figures as a table"), table(title, heads, rows));

/** A ring that shows one score of a report. */
export function gauge({ key, label, colour: token }, found) {
  const length = 2 * Math.PI * 34;
  const value = found?.value ?? 0;
  return h(`div.gauge`, { "data-score": key },
    h("div.gauge-ring", {}, svg("svg", { viewBox: "0 0 80 80", role: "img", "aria-label": `${label} ${found ? score(value) : "not scored"}` },
      svg("circle.ring-track", { cx: 40, cy: 40, r: 34 }),
      found && svg(`circle.ring.of${token}`, { cx: 40, cy: 40, r: 34, "stroke-dasharray": `${length * value} ${length}`, transform: "rotate(-90 40 40)" })),
    h("strong", { "aria-hidden": "true" }, found ? score(value) : "—")),
    h("div", {}, h("span.gauge-label", {}, label), found && h("small", {}, confidence(found.confidence))));
}

const LOW_CONFIDENCE = 0.7;
const confidence = (value) => `${value < LOW_CONFIDENCE ? "Low confidence" : "Confidence"} ${Math.round(value * 100)} %`;

export const sectionName = (section) => section.heading || words(section.type);
