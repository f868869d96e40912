/** The HTTP/2 connection of a client, which is replaced when it is not to be trusted any more. */

import type {
  ClientHttp2Stream,
  ClientSessionRequestOptions,
  OutgoingHttpHeaders,
  SecureClientSessionOptions,
} from "node:http2";

import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";

const KEEPALIVE = {
  // A connection that lost its peer without a word is found out even when no stream with heartbeats uses it. Below a
  // minute a server would take the pings for abuse.
  pingIntervalMs: 60_000,
  pingTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
};

/** Hands streams out, all of one connection at a time. */
export class Connection {
  readonly authority: string;
  readonly #options: SecureClientSessionOptions;
  #current: Session;
  readonly #sessions = new Set<Session>();
  #isClosed = false;

  constructor(url: string, options: SecureClientSessionOptions) {
    this.authority = new URL(url).origin;
    this.#options = options;
    this.#current = this.#open();
  }

  /** Open a stream; the transport calls this. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream> {
    if (this.#isClosed) {
      throw closed();
    }
    return this.#current.request(method, path, headers, options);
  }

  /** Note that data came; the transport calls this. */
  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    for (const session of this.#sessions) {
      session.manager.notifyResponseByteRead(stream);
    }
  }

  /**
   * Return a function that opens the next streams on another connection than the present one; what runs on that one may
   * end there.
   *
   * A peer that is gone without a word leaves a connection that looks open until a ping finds it out, a minute later. Of
   * the streams that find it out before, the first one replaces it.
   */
  renewal(): () => void {
    const session = this.#current;
    return () => {
      if (session === this.#current) {
        session.retire();
        this.#current = this.#open();
      }
    };
  }

  /** End all streams, and open none any more. */
  close(): void {
    this.#isClosed = true;
    for (const { manager } of this.#sessions) {
      manager.abort(closed());
    }
  }

  #open(): Session {
    const session = new Session(new Http2SessionManager(this.authority, KEEPALIVE, this.#options), () =>
      this.#sessions.delete(session),
    );
    this.#sessions.add(session);
    return session;
  }
}

function closed(): ConnectError {
  return new ConnectError("the client was closed", Code.Canceled);
}

/** One connection and the number of its streams: once it is retired, the last one closes it. */
class Session {
  readonly manager: Http2SessionManager;
  readonly #onClose: () => void;
  #streams = 0;
  #isRetired = false;

  constructor(manager: Http2SessionManager, onClose: () => void) {
    this.manager = manager;
    this.#onClose = onClose;
  }

  async request(...request: Parameters<Http2SessionManager["request"]>): Promise<ClientHttp2Stream> {
    this.#streams += 1;
    try {
      const stream = await this.manager.request(...request);
      stream.once("close", this.#left);
      return stream;
    } catch (error) {
      this.#left();
      throw error;
    }
  }

  retire(): void {
    this.#isRetired = true;
    this.#closeIfDone();
  }

  readonly #left = (): void => {
    this.#streams -= 1;
    this.#closeIfDone();
  };

  #closeIfDone(): void {
    if (this.#isRetired && this.#streams === 0) {
      this.manager.abort();
      this.#onClose();
    }
  }
}
