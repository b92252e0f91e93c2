import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyMergePatch } from "../testing/apply-merge-patch.ts";
import { isSame, mergePatchBetween } from "./merge-patch.ts";

describe("mergePatchBetween", () => {
  it.each([
    { change: "nothing", from: { a: 1, b: { c: [1] } }, to: { a: 1, b: { c: [1] } }, patch: undefined },
    { change: "another order of keys", from: { a: 1, b: 2 }, to: { b: 2, a: 1 }, patch: undefined },
    { change: "one of two top-level keys", from: { a: 1, b: 2 }, to: { a: 1, b: 3 }, patch: { b: 3 } },
    { change: "a key that is gone", from: { kopf: {}, events: { x: 1 } }, to: {}, patch: { events: null } },
    {
      change: "a nested key that is gone",
      from: { children: { service: { uid: "1" }, pvc: { uid: "2" } } },
      to: { children: { service: { uid: "1" } } },
      patch: { children: { pvc: null } },
    },
    { change: "a list of another length", from: { c: [1, 2] }, to: { c: [1] }, patch: { c: [1] } },
    { change: "the default that the schema puts back", from: { mainPod: {} }, to: {}, patch: undefined },
    { change: "an empty object where there was nothing", from: {}, to: { mainPod: {} }, patch: undefined },
    {
      change: "a null that 0.24 left",
      from: { children: { configmap: { uid: "1", status: null } } },
      to: { children: { configmap: { uid: "1" } } },
      patch: undefined,
    },
    { change: "a first value", from: {}, to: { state: "starting" }, patch: { state: "starting" } },
    { change: "an object in place of a text", from: { a: "x" }, to: { a: { b: 1 } }, patch: { a: { b: 1 } } },
  ])("$change → $patch", ({ from, to, patch }) => {
    expect(mergePatchBetween(from, to)).toEqual(patch);
  });

  it("changes keys that have the names of what all objects inherit", () => {
    const from = JSON.parse('{"toString":{"ready":"True"}}') as Record<string, unknown>;
    const to = JSON.parse('{"constructor":{"ready":"True"}}') as Record<string, unknown>;
    expect(mergePatchBetween(from, to)).toEqual({ ...to, toString: null });
  });

  it("leads from any status to any other, and then has nothing left to change", () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 }));
    const nested = fc.dictionary(fc.constantFrom("a", "b", "c"), leaf, { minKeys: 1 });
    const status = fc.dictionary(fc.constantFrom("x", "y", "z"), fc.oneof(leaf, nested));
    fc.assert(
      fc.property(status, status, (from, to) => {
        const result = applyMergePatch(from, mergePatchBetween(from, to) ?? {});
        expect(isSame(result, to)).toBe(true);
        expect(mergePatchBetween(result as Record<string, unknown>, to)).toBeUndefined();
      }),
    );
  });
});
