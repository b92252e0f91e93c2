import { canonicalJson } from "./json.ts";

/**
 * Hash of a JSON value: 16 hexadecimal digits, the same for every order of keys.
 *
 * It detects changes; it is not cryptographic. Decisions must not use the platform's cryptography (they know no
 * `node:`, but for the parser of certificates), and two rounds of 32-bit multiply-and-mix are enough: whoever forges a
 * collision only makes their own server miss a change.
 * @see https://github.com/bryc/code/blob/master/jshash/experimental/cyrb53.js the mixing and its constants, public
 * domain
 */
export function contentHash(value: unknown): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  const text = canonicalJson(value);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return hexadecimal(high) + hexadecimal(low);
}

function hexadecimal(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
