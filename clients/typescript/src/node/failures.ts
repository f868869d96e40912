/** Tells failures of the connection from the answers of the server. */

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

// How Connect names what only a connection can do, besides the errors of Node.js that it wraps.
const CUT = /^http\/2 stream closed|^protocol error: missing|^premature |^sentinel completed/;
const CODES_OF_CUTS: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.Canceled,
  Code.Internal,
  Code.Unavailable,
  Code.Unknown,
]);

/**
 * Make an interceptor that gives every failure of the connection the code UNAVAILABLE, as gRPC has it; Connect has
 * several.
 *
 * `renewal` is asked at the beginning of each call for what replaces its connection, which is called when the
 * call was given up because nothing came: the connection may be dead without a word.
 */
export function withFailuresOfConnection(renewal: () => () => void): Interceptor {
  return (next) => async (request) => {
    const renew = renewal();
    const translated = (thrown: unknown): unknown => {
      if (request.signal.aborted) {
        if (isSilence(request.signal.reason)) {
          renew();
        }
        return thrown;
      }
      return isCut(thrown) ? unavailable(thrown) : thrown;
    };
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: mapped(response.message, translated) } : response;
    } catch (thrown) {
      throw translated(thrown);
    }
  };
}

function isSilence(reason: unknown): boolean {
  return reason instanceof ConnectError && (reason.code === Code.DeadlineExceeded || reason.code === Code.Unavailable);
}

function isCut(thrown: unknown): thrown is ConnectError {
  if (!(thrown instanceof ConnectError) || thrown.metadata.has("grpc-status") || !CODES_OF_CUTS.has(thrown.code)) {
    return false;
  }
  return CUT.test(thrown.rawMessage) || isErrorOfNode(thrown.cause);
}

function unavailable(cut: ConnectError): ConnectError {
  return new ConnectError(`the connection to the server failed: ${cut.rawMessage}`, Code.Unavailable, undefined, [], cut);
}

function isErrorOfNode(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string";
}

async function* mapped<T>(messages: AsyncIterable<T>, translated: (thrown: unknown) => unknown): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw translated(thrown);
  }
}
