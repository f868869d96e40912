/** What all batches do, live: the newest state of each, completions over time, and how much waits. */

import { Stream } from "./events.js";
import { query } from "./api.js";
import { perFrame } from "./dom.js";

const OVER = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const FINAL = new Set([...OVER, "PARTIALLY_COMPLETED"]);
const SAMPLE_SECONDS = 1;
const KEPT_SAMPLES = 900;

export const isFinal = (status) => FINAL.has(status);

/** Fold one event into a batch; what is older than the batch changes nothing. */
export function fold(batch, event) {
  if (event.progress || (batch && event.sequence < batch.last_sequence)) return batch;
  if (event.snapshot) return { ...event.snapshot, results: [] };
  if (event.status_changed) return { ...event.status_changed.batch, results: [] };
  const counters = (event.item_changed ?? event.items_changed)?.counters;
  return batch && counters ? { ...batch, ...counters, last_sequence: event.sequence } : batch;
}

class Activity extends EventTarget {
  /** @type {Map<string, object>} */
  batches = new Map();
  status = "connecting";
  /** @type {{at: number, waiting: number, running: number, rate: number}[]} */
  samples = [];
  _completions = [];

  start() {
    this._changed = perFrame(() => this.dispatchEvent(new Event("change")));
    this._stream = new Stream(
      (token) => query("/v1/reports/batch:watch", { resume_token: token }),
      (events) => this._fold(events),
      (status) => this._connection(status),
    );
    this._sample();
    setInterval(() => this._sample(), SAMPLE_SECONDS * 1000);
  }

  /** Take batches that a request found; the stream tells of changes only. */
  learn(batches) {
    for (const batch of batches) {
      const known = this.batches.get(batch.batch_id);
      if (!known || known.last_sequence <= batch.last_sequence) this.batches.set(batch.batch_id, batch);
    }
    this._changed();
  }

  /** Items that wait and that run, in all batches that are known and not over. */
  get load() {
    const load = { open: 0, waiting: 0, running: 0 };
    for (const batch of this.batches.values()) {
      if (isFinal(batch.status)) continue;
      load.open += 1;
      load.running += batch.running;
      load.waiting += Math.max(0, batch.total_reports - batch.successful - batch.failed - batch.cancelled - batch.running);
    }
    return load;
  }

  /** Reports completed or failed within the last minute. */
  get rate() {
    const since = Date.now() - 60_000;
    while (this._completions.length && this._completions[0] < since) this._completions.shift();
    return this._completions.length;
  }

  _connection(status) {
    this.status = status;
    this.dispatchEvent(new Event("connection"));
  }

  _fold(events) {
    for (const event of events) {
      const changed = event.item_changed;
      if (changed && OVER.has(changed.item.status)) this._completions.push(Date.now());
      const batch = fold(this.batches.get(event.batch_id), event);
      if (batch) this.batches.set(event.batch_id, batch);
    }
    this._changed();
  }

  _sample() {
    const { waiting, running } = this.load;
    this.samples.push({ at: Date.now() / 1000, waiting, running, rate: this.rate });
    if (this.samples.length > KEPT_SAMPLES) this.samples.shift();
    this.dispatchEvent(new Event("sample"));
  }
}

export const activity = new Activity();
