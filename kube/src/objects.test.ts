import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareResourceVersions, keyOf } from "./objects.ts";

describe("compareResourceVersions", () => {
  it.each([
    { a: "9", b: "10", sign: -1 },
    { a: "10", b: "9", sign: 1 },
    { a: "17", b: "17", sign: 0 },
    { a: "18446744073709551616", b: "18446744073709551615", sign: 1 },
  ])("$a against $b → $sign", ({ a, b, sign }) => {
    expect(Math.sign(compareResourceVersions(a, b))).toBe(sign);
  });

  it("orders as the numbers do, however large", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 80n }), fc.bigInt({ min: 1n, max: 2n ** 80n }), (a, b) => {
        expect(Math.sign(compareResourceVersions(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});

describe("keyOf", () => {
  it.each([
    { object: { namespace: "ns", name: "a" }, key: "ns/a" },
    { object: { metadata: { namespace: "ns", name: "a" } }, key: "ns/a" },
    { object: { name: "a" }, key: "a" },
  ])("$object → $key", ({ object, key }) => {
    expect(keyOf(object)).toBe(key);
  });
});
