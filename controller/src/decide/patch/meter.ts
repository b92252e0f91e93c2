import { isObject } from "../values/json.ts";
import { checkDepth, checkKey, PATCH_BOUNDS, PatchRefused, VALUE_SIZE } from "./bounds.ts";

/** Counts the size of one document and the work on it, and does what costs more than a step: copy, measure, compare. */
export class Meter {
  #size = 0;
  #steps = 0;

  /** Work so far, in the unit of `PATCH_BOUNDS.size`. */
  get steps(): number {
    return this.#steps;
  }

  /** @throws PatchRefused over the bound. */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > PATCH_BOUNDS.steps) throw new PatchRefused(`more than ${PATCH_BOUNDS.steps} steps of work`);
  }

  /** @throws PatchRefused as soon as the document is too large. */
  grow(size: number): void {
    this.spend(size);
    this.#size += size;
    if (this.#size > PATCH_BOUNDS.size) throw new PatchRefused(`the document becomes larger than ${PATCH_BOUNDS.size}`);
  }

  /** Counts a value that is about to be removed; undefined counts nothing. */
  release(value: unknown): void {
    if (value !== undefined) this.#size -= this.#sizeOf(value);
  }

  /** Counts a key of an object that is about to be removed. */
  releaseKey(key: string): void {
    this.#size -= key.length;
  }

  /**
   * A copy for a place `depth` levels below the root. Counts while it copies, so nothing over a bound is ever created.
   */
  copy(value: unknown, depth: number): unknown {
    this.grow(ownSize(value));
    if (typeof value !== "object" || value === null) return value;
    checkDepth(depth + 1);
    if (Array.isArray(value)) return value.map((item: unknown) => this.copy(item, depth + 1));
    const entries = Object.entries(value).filter(([, part]) => part !== undefined);
    return Object.fromEntries(entries.map(([key, part]) => [this.#copyKey(key), this.copy(part, depth + 1)]));
  }

  /** Whether two values are equal, whatever the order of their keys. Ends at the first difference. */
  isEqual(left: unknown, right: unknown): boolean {
    this.spend(Math.min(ownSize(left), ownSize(right)));
    if (Array.isArray(left)) {
      if (!Array.isArray(right) || left.length !== right.length) return false;
      return left.every((item, index) => this.isEqual(item, right[index]));
    }
    if (!isObject(left) || !isObject(right)) return left === right;
    const keys = Object.keys(left);
    this.spend(keys.length);
    if (keys.length !== Object.keys(right).length) return false;
    return keys.every((key) => Object.hasOwn(right, key) && this.isEqual(left[key], right[key]));
  }

  #copyKey(key: string): string {
    this.grow(key.length);
    return checkKey(key);
  }

  #sizeOf(value: unknown): number {
    const own = ownSize(value);
    this.spend(own);
    if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + this.#sizeOf(item), own);
    if (!isObject(value)) return own;
    return Object.entries(value).reduce((sum, [key, part]) => sum + key.length + this.#sizeOf(part), own);
  }
}

function ownSize(value: unknown): number {
  return typeof value === "string" ? VALUE_SIZE + value.length : VALUE_SIZE;
}
