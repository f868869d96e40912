/** Who a client is to the server. */

import type { SecureClientSessionOptions } from "node:http2";

import type { Interceptor } from "@connectrpc/connect";

import { asked } from "../asking.js";

/** How the connection is encrypted. Certificates and keys are PEM, as text or bytes. */
export interface TlsOptions {
  /** Certificates of the authorities that are trusted; by default those of Node.js. */
  readonly ca?: string | Uint8Array | undefined;
  /** Certificate of the client, for mutual TLS. */
  readonly cert?: string | Uint8Array | undefined;
  /** Key of that certificate. */
  readonly key?: string | Uint8Array | undefined;
  /** Name that the certificate of the server must have, where that is not the host. */
  readonly serverName?: string | undefined;
}

/**
 * A secret, or a function that is asked for it before every attempt, for those that change.
 *
 * When it throws, the attempt failed as if the server were away (UNAVAILABLE), and there is another one; a
 * `ConnectError` of another code ends the call or the watch.
 */
export type Secret = string | (() => string | Promise<string>);

/** What a client shows the server. */
export interface Credentials {
  /** Encrypts the connection; `true` trusts what Node.js trusts. */
  readonly tls?: boolean | TlsOptions | undefined;
  /** Sent as `authorization: Bearer`. */
  readonly token?: Secret | undefined;
  /** Sent as `x-api-key`. */
  readonly apiKey?: Secret | undefined;
  /** Send the token or key over a connection that is not encrypted, where anybody on the way can read it. */
  readonly allowPlaintext?: boolean | undefined;
}

/** Throw an error for a secret that would be sent in the clear. */
export function refusePlaintext({ tls, token, apiKey, allowPlaintext }: Credentials): void {
  const isSecret = token !== undefined || apiKey !== undefined;
  if (isSecret && !tls && allowPlaintext !== true) {
    throw new TypeError("a token or API key is only sent over TLS: set `tls`, or `allowPlaintext` on a trusted network");
  }
}

/** Return the options of Node.js for the encryption. */
export function sessionOptions(tls: Credentials["tls"]): SecureClientSessionOptions {
  if (typeof tls !== "object") {
    return {};
  }
  const { ca, cert, key, serverName } = tls;
  return {
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

/** Return an interceptor that adds the secrets to the headers of every attempt. */
export function withSecrets({ token, apiKey }: Credentials): Interceptor {
  return (next) => async (request) => {
    if (token !== undefined) {
      request.header.set("authorization", `Bearer ${await valueOf("token", token)}`);
    }
    if (apiKey !== undefined) {
      request.header.set("x-api-key", await valueOf("API key", apiKey));
    }
    return next(request);
  };
}

function pem(content: string | Uint8Array): string | Buffer {
  return typeof content === "string" ? content : Buffer.from(content);
}

async function valueOf(what: string, secret: Secret): Promise<string> {
  return typeof secret === "string" ? secret : asked(what, secret);
}
