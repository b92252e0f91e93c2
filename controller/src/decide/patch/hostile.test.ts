import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nested, RESERVED } from "../testing/hostile-patches.ts";
import { BoundedDocument } from "./bounded-document.ts";
import { PATCH_BOUNDS, PatchRefused } from "./bounds.ts";

/** Keys, paths and values from which operations find each other's results. */
const key = fc.constantFrom("a", "b", "list", "0", "1", "-", "toString", "length", ...RESERVED);
const path = fc.oneof(
  { weight: 9, arbitrary: fc.array(key, { maxLength: 6 }).map((keys) => keys.map((one) => `/${one}`).join("")) },
  { weight: 1, arbitrary: fc.string() },
);
const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    {},
    [],
    "x".repeat(200_000),
    Array.from({ length: 5_000 }, () => 0),
  ),
  fc.integer({ min: 1, max: 80 }).map((depth) => nested(depth)),
  fc.integer({ min: 1, max: 80 }).map((depth) => nested(depth, (inner) => [inner])),
  fc.constantFrom(...RESERVED, "toString").map((name) => Object.fromEntries([[name, { a: null }]]) as unknown),
);
const operation = fc.oneof(
  fc.record({ op: fc.constantFrom("add", "replace", "test"), path, value }),
  fc.record({ op: fc.constantFrom("copy", "move"), from: path, path }),
  fc.record({ op: fc.constant("remove"), path }),
  fc.record({ merge: value }),
);

/** Counted by other code than that under test. */
function countedSize(text: string): number {
  let size = 0;
  JSON.parse(text, (_name, part: unknown) => {
    size += 64 + (typeof part === "string" ? part.length : 0);
    return part;
  });
  return size;
}

function depthOf(part: unknown): number {
  if (typeof part !== "object" || part === null) return 0;
  return 1 + Math.max(0, ...Object.values(part).slice(0, 100).map(depthOf));
}

describe("a document under any operations of both kinds of patch", () => {
  it("stays within its bounds after each of them, or refuses with a reason, and changes nothing but itself", () => {
    const shared = [Object.prototype, Array.prototype, Function.prototype].map((one) =>
      Object.getOwnPropertyNames(one),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const document = new BoundedDocument({ a: { b: [] }, list: [1] });
        for (const one of operations) {
          try {
            if ("merge" in one) document.merge(one.merge);
            else document.applyOperation(one);
          } catch (error) {
            expect(error).toBeInstanceOf(PatchRefused);
            break;
          }
          const text = JSON.stringify(document.root) ?? "null";
          expect(countedSize(text)).toBeLessThanOrEqual(PATCH_BOUNDS.size);
          expect(depthOf(document.root)).toBeLessThanOrEqual(PATCH_BOUNDS.depth);
          expect(document.steps).toBeLessThanOrEqual(PATCH_BOUNDS.steps);
        }
      }),
      { numRuns: 300 },
    );
    expect(
      [Object.prototype, Array.prototype, Function.prototype].map((one) => Object.getOwnPropertyNames(one)),
    ).toEqual(shared);
  });
});
