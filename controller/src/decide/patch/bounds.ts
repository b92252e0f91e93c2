/**
 * Bounds of what patches may make of a server's document. They are counts, never time, so that every replica of the
 * controller decides alike.
 */
export const PATCH_BOUNDS = {
  /** Patches of one server. Clients are known to send about twenty. */
  patches: 500,
  /** Operations of all JSON patches of one server together. */
  operations: 5_000,
  /** Objects that patches may add to a server's own. */
  addedChildren: 50,
  /**
   * Hosts and paths in Ingresses, and hosts of certificates, that a server may have together: each is compared with the
   * routes of all others.
   */
  routes: 200,
  /** Levels of nesting. A pod template goes to about 15; functions that walk the document may recurse. */
  depth: 64,
  /**
   * Size of the document after each operation: 64 for each value in it (what it takes in memory, roughly) and one for
   * each character of its texts and keys. More than the 1.5 MiB that etcd stores of an object can hold, unless it
   * consists of tens of thousands of tiny values.
   */
  size: 2_097_152,
  /** Work of all patches together, in the unit of `size`: what is visited, compared, copied or moved counts each time. */
  steps: 16_777_216,
} as const;

/** What a value counts besides its characters. */
export const VALUE_SIZE = 64;

/** Keys that lead to an object's prototype. */
const RESERVED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Why a patch cannot be applied. Its message is a part of a sentence and quotes no value of the document. */
export class PatchRefused extends Error {
  override readonly name = "PatchRefused";
}

/** @throws PatchRefused if the key is one that neither patches nor documents may have. */
export function checkKey(key: string): string {
  if (RESERVED_KEYS.has(key)) throw new PatchRefused(`the key ${key} is reserved`);
  return key;
}

/** @throws PatchRefused at the first level below the deepest allowed one. */
export function checkDepth(depth: number): void {
  if (depth > PATCH_BOUNDS.depth) throw new PatchRefused(`more than ${PATCH_BOUNDS.depth} levels of nesting`);
}
