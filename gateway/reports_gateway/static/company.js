/** The identifier of a company that is known by its name: the same one that `fna-reports upload` makes. */

const NAMESPACE = "cf56eeeac8bd569ca02756965e06ff3e";
const FOLDED = { "ς": "σ", "ſ": "s", "µ": "μ" };

/**
 * Return the UUID that stands for a company: `company` itself when it is one, else one made from the name.
 * @param {string} company
 */
export function companyId(company) {
  const hex = company.toLowerCase().replace("urn:", "").replace("uuid:", "").replace(/[{}-]/g, "");
  if (/^[0-9a-f]{32}$/.test(hex)) return dashed(hex);
  const name = Array.from(company.trim().split(/\s+/).join(" "), folded).join("");
  const digest = sha1([...NAMESPACE.match(/../g).map((pair) => parseInt(pair, 16)), ...new TextEncoder().encode(name)]);
  digest[6] = (digest[6] & 0x0f) | 0x50;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  return dashed(digest.slice(0, 16).map((byte) => byte.toString(16).padStart(2, "0")).join(""));
}

/** Fold the case as Python's `casefold` does, where `toLowerCase` keeps differences that only spelling makes. */
function folded(character) {
  const upper = character.toUpperCase();
  return FOLDED[character] ?? (upper.length > character.length ? upper.toLowerCase() : character.toLowerCase());
}

const dashed = (hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

const rotated = (word, by) => (word << by) | (word >>> (32 - by));

/** SHA-1 (FIPS 180-4), on bytes. Browsers have their own for https and the own machine only. */
function sha1(message) {
  const padded = [...message, 0x80];
  while (padded.length % 64 !== 56) padded.push(0);
  const view = new DataView(new Uint8Array([...padded, ...Array(8).fill(0)]).buffer);
  view.setUint32(view.byteLength - 4, message.length * 8);
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let block = 0; block < view.byteLength; block += 64) state = compressed(state, view, block);
  return state.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
}

function compressed(state, view, block) {
  const words = Array.from({ length: 16 }, (_, index) => view.getUint32(block + index * 4));
  for (let i = 16; i < 80; i++) words.push(rotated(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1));
  let [a, b, c, d, e] = state;
  for (let i = 0; i < 80; i++) {
    const next = (rotated(a, 5) + chosen(i, b, c, d) + e + words[i]) | 0;
    [a, b, c, d, e] = [next, a, rotated(b, 30), c, d];
  }
  return [a, b, c, d, e].map((word, index) => (word + state[index]) | 0);
}

function chosen(round, b, c, d) {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}
