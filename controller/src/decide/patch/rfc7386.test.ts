import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BoundedDocument } from "./bounded-document.ts";

function merged(target: unknown, patch: unknown): unknown {
  const document = new BoundedDocument(target);
  document.merge(patch);
  return document.root;
}

/** The examples of RFC 7386, appendix A: document, patch, result. */
const EXAMPLES: readonly (readonly [unknown, unknown, unknown])[] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

/** Any JSON but keys that are refused. */
const json = fc.jsonValue().filter((value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)));

describe("a merge patch", () => {
  it.each(EXAMPLES)("makes of %j and %j: %j", (target, patch, result) => {
    expect(merged(target, patch)).toEqual(result);
  });

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(json, json, (target, patch) => {
        const once = merged(target, patch);
        expect(merged(once, patch)).toEqual(once);
      }),
    );
  });
});
