/** Streams of server-sent events that survive whatever ends them. */

const KINDS = ["snapshot", "status_changed", "item_changed", "items_changed", "progress"];
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 15_000;

/**
 * Keep a stream open and give its events in groups, one group an animation frame.
 *
 * A browser reconnects by itself after a broken connection, but takes an error status as final; then the stream is
 * opened anew after the last event that was seen. It is closed while the page is hidden, because browsers allow six
 * connections to one origin, over all tabs.
 */
export class Stream {
  /**
   * @param {(lastId: string | null) => string} url of the stream that continues after the id
   * @param {(events: object[]) => void} onEvents
   * @param {(status: "connecting" | "open" | "lost") => void} [onStatus]
   */
  constructor(url, onEvents, onStatus = () => {}) {
    this._url = url;
    this._onEvents = onEvents;
    this._onStatus = onStatus;
    this._lastId = null;
    this._queue = [];
    this._delay = FIRST_DELAY;
    this._closed = false;
    this._visibility = () => (document.hidden ? this._stop() : this._start());
    document.addEventListener("visibilitychange", this._visibility);
    this._start();
  }

  /** End the stream for good. */
  close() {
    this._closed = true;
    this._stop();
    document.removeEventListener("visibilitychange", this._visibility);
  }

  _start() {
    if (this._closed || this._source || document.hidden) return;
    clearTimeout(this._timer);
    this._onStatus("connecting");
    const source = new EventSource(this._url(this._lastId));
    this._source = source;
    source.addEventListener("open", () => {
      this._delay = FIRST_DELAY;
      this._opened = true;
      this._onStatus("open");
    });
    source.addEventListener("error", () => this._failed(source));
    for (const kind of KINDS) source.addEventListener(kind, (event) => this._received(event));
  }

  _stop() {
    clearTimeout(this._timer);
    this._source?.close();
    this._source = null;
  }

  _failed(source) {
    if (source !== this._source) return;
    this._onStatus("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    this._stop();
    // A position that the server has forgotten would be refused for ever.
    if (!this._opened) this._lastId = null;
    this._opened = false;
    this._timer = setTimeout(() => this._start(), this._delay * (0.5 + Math.random()));
    this._delay = Math.min(this._delay * 2, LONGEST_DELAY);
  }

  _received(event) {
    if (event.lastEventId) this._lastId = event.lastEventId;
    this._queue.push(JSON.parse(event.data));
    if (this._queue.length === 1) requestAnimationFrame(() => this._onEvents(this._queue.splice(0)));
  }
}
