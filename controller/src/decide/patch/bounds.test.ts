import { describe, expect, it } from "vitest";
import { BoundedDocument } from "./bounded-document.ts";
import { PATCH_BOUNDS, PatchRefused } from "./bounds.ts";

type Operation = Readonly<Record<string, unknown>>;

function apply(root: unknown, ...operations: readonly Operation[]): BoundedDocument {
  const document = new BoundedDocument(root);
  for (const operation of operations) document.applyOperation(operation);
  return document;
}

function nested(depth: number): unknown {
  let value: unknown = {};
  for (let level = 1; level < depth; level++) value = { a: value };
  return value;
}

/** As the API server sends it: a key `__proto__` is then a property like any other. */
function parsed(text: string): Operation {
  return JSON.parse(text) as Operation;
}

describe("patches", () => {
  it("cannot make a document grow over its bound, however small each of them is", () => {
    const doubling = Array.from({ length: 26 }, (_, index) => ({
      op: "copy",
      from: "/notes",
      path: `/notes/c${index}`,
    }));
    expect(() => apply({ notes: { text: "x" } }, ...doubling)).toThrow("the document becomes larger than");
  });

  it.each(["__proto__", "constructor", "prototype"])("cannot name the reserved key %s", (key) => {
    const named = `the key ${key} is reserved`;
    expect(() => apply({}, { op: "add", path: `/${key}`, value: 1 })).toThrow(named);
    expect(() => apply({}, { op: "add", path: `/${key}/x`, value: 1 })).toThrow(named);
    expect(() => apply({}, parsed(`{"op":"add","path":"/a","value":{"${key}":1}}`))).toThrow(named);
    const document = new BoundedDocument({});
    expect(() => document.merge(parsed(`{"a":{"${key}":null}}`))).toThrow(named);
  });

  it.each(["/hasOwnProperty/call", "/containers/map/x", "/toString/x", "/containers/length"])(
    "step into nothing that is not in the document: %s",
    (path) => {
      const shared = Object.getOwnPropertyDescriptors(Object.prototype);
      const before = Object.getOwnPropertyNames(shared.hasOwnProperty.value);
      expect(() => apply({ containers: [] }, { op: "add", path, value: "boom" })).toThrow(PatchRefused);
      expect(Object.getOwnPropertyNames(shared.hasOwnProperty.value)).toEqual(before);
    },
  );

  it("may add keys that all objects inherit, as keys of the document", () => {
    const { root } = apply(
      {},
      { op: "add", path: "/toString", value: {} },
      { op: "add", path: "/toString/x", value: 1 },
    );
    expect(root).toEqual({ toString: { x: 1 } });
  });

  it("compare two lists in one walk", () => {
    const list = (last: number): readonly number[] => [...Array.from({ length: 2_000 }, () => 0), last];
    const before = apply({ a: list(1) }).steps;
    const after = apply({ a: list(1) }, { op: "test", path: "/a", value: list(1) }).steps;
    expect(after - before).toBeLessThanOrEqual(2_010 * 64);
    expect(() => apply({ a: list(1) }, { op: "test", path: "/a", value: list(2) })).toThrow("the test failed");
  });

  it.each([
    ["add", (depth: number) => apply({}, { op: "add", path: "/a", value: nested(depth) })],
    [
      "move",
      (depth: number) => apply({ a: nested(depth - 2), b: { c: {} } }, { op: "move", from: "/a", path: "/b/c/a" }),
    ],
    ["merge", (depth: number) => new BoundedDocument({}).merge(nested(depth + 1))],
    ["replace by merging", (depth: number) => new BoundedDocument(1).merge(nested(depth + 1))],
  ])("nest no deeper than the bound by %s", (_kind, nest) => {
    expect(() => nest(PATCH_BOUNDS.depth - 1)).not.toThrow();
    expect(() => nest(PATCH_BOUNDS.depth)).toThrow("levels of nesting");
    expect(() => nest(9_900)).toThrow("levels of nesting");
  });

  it("cannot work for ever in a document that stays small", () => {
    const text = "x".repeat(1_000_000);
    const toAndFro = Array.from({ length: 20 }, () => [
      { op: "copy", from: "/a", path: "/b" },
      { op: "remove", path: "/b" },
    ]).flat();
    expect(() => apply({ a: text }, ...toAndFro)).toThrow("steps of work");
  });

  it("leave the size of the document as it was when they take away what they added", () => {
    const document = apply({ list: [{ text: "abc" }] });
    const text = "x".repeat(700_000);
    for (let round = 0; round < 4; round++) {
      document.applyOperation({ op: "add", path: "/list/0", value: { text } });
      document.applyOperation({ op: "move", from: "/list/0", path: "/moved" });
      document.merge({ moved: null });
    }
    expect(document.root).toEqual({ list: [{ text: "abc" }] });
  });
});
