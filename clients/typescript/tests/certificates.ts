/** Certificates of an authority that lives as long as a test. */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const DAY_MS = 86_400_000;

/** Signs certificates that `cert` vouches for. */
export class Authority {
  readonly cert: string;
  readonly #key: KeyObject;
  readonly #name: string;

  constructor(name: string) {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = privateKey;
    this.#name = name;
    const isAuthority = extension(oid(0x55, 0x1d, 0x13), sequence(tag(0x01, Buffer.from([0xff]))));
    this.cert = this.#certificate(name, publicKey, isAuthority);
  }

  /** Return a certificate for a host or a client. */
  issue(name: string): Identity {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const names = extension(oid(0x55, 0x1d, 0x11), sequence(tag(0x82, Buffer.from(name)), tag(0x87, Buffer.from([127, 0, 0, 1]))));
    const key = privateKey.export({ type: "pkcs8", format: "pem" });
    return { cert: this.#certificate(name, publicKey, names), key: key.toString() };
  }

  #certificate(subject: string, publicKey: KeyObject, extension: Buffer): string {
    const toBeSigned = sequence(
      tag(0xa0, tag(0x02, Buffer.from([2]))),
      tag(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ECDSA_WITH_SHA256,
      distinguished(this.#name),
      sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
      distinguished(subject),
      publicKey.export({ type: "spki", format: "der" }),
      tag(0xa3, sequence(extension)),
    );
    const signature = sign("sha256", toBeSigned, this.#key);
    const der = sequence(toBeSigned, ECDSA_WITH_SHA256, tag(0x03, Buffer.concat([Buffer.from([0]), signature])));
    return `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
  }
}

/** Return a value of DER (X.690). */
function tag(number: number, content: Buffer): Buffer {
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([number, ...length]), content]);
}

function sequence(...content: Buffer[]): Buffer {
  return tag(0x30, Buffer.concat(content));
}

function oid(...bytes: number[]): Buffer {
  return tag(0x06, Buffer.from(bytes));
}

function distinguished(commonName: string): Buffer {
  return sequence(tag(0x31, sequence(oid(0x55, 0x04, 0x03), tag(0x0c, Buffer.from(commonName)))));
}

function extension(kind: Buffer, value: Buffer): Buffer {
  return sequence(kind, tag(0x04, value));
}

function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, "");
  return tag(0x18, Buffer.from(text));
}
