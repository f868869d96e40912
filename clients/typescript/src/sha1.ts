/** SHA-1 (RFC 3174), which version 5 of UUIDs is made with; browsers have their own only in secure contexts. */

const BLOCK_BYTES = 64;

/** Return the digest of the content, 20 bytes. */
export function sha1(content: Uint8Array): Uint8Array {
  const state = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  const padded = new DataView(new ArrayBuffer(Math.ceil((content.length + 9) / BLOCK_BYTES) * BLOCK_BYTES));
  new Uint8Array(padded.buffer).set(content);
  padded.setUint8(content.length, 0x80);
  padded.setBigUint64(padded.byteLength - 8, BigInt(content.length) * 8n);
  for (let start = 0; start < padded.byteLength; start += BLOCK_BYTES) {
    addBlock(state, padded, start);
  }
  const digest = new DataView(new ArrayBuffer(20));
  state.forEach((word, index) => digest.setUint32(index * 4, word));
  return new Uint8Array(digest.buffer);
}

function addBlock(state: Uint32Array, padded: DataView, start: number): void {
  const words = new Uint32Array(80);
  const word = (index: number): number => words[index] ?? 0;
  for (let index = 0; index < 80; index++) {
    words[index] =
      index < 16
        ? padded.getUint32(start + index * 4)
        : rotated(word(index - 3) ^ word(index - 8) ^ word(index - 14) ^ word(index - 16), 1);
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0] = state;
  for (let index = 0; index < 80; index++) {
    const next = (rotated(a, 5) + mixed(index, b, c, d) + e + word(index)) >>> 0;
    [a, b, c, d, e] = [next, a, rotated(b, 30), c, d];
  }
  [a, b, c, d, e].forEach((value, index) => {
    state[index] = (state[index] ?? 0) + value;
  });
}

function mixed(round: number, b: number, c: number, d: number): number {
  if (round < 20) {
    return ((b & c) | (~b & d)) + 0x5a827999;
  }
  if (round < 40) {
    return (b ^ c ^ d) + 0x6ed9eba1;
  }
  return round < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc : (b ^ c ^ d) + 0xca62c1d6;
}

function rotated(value: number, bits: number): number {
  return ((value << bits) | (value >>> (32 - bits))) >>> 0;
}
