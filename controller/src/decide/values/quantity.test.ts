import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSameQuantity, parseQuantity } from "./quantity.ts";

describe("isSameQuantity", () => {
  it.each([
    ["1024Mi", "1Gi", true],
    [0.5, "500m", true],
    ["1e3", 1000, true],
    ["1E", "1e18", true],
    [".5", "0.50", true],
    ["1M", "1Mi", false],
    ["-1", "1", false],
    ["", "", false],
    ["many", "many", false],
    [undefined, undefined, false],
    [{}, {}, false],
  ])("says of %s and %s: %s", (left, right, expected) => {
    expect(isSameQuantity(left, right)).toBe(expected);
  });

  it("gives the amount of every whole number with every binary suffix", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 5 }), (count, exponent) => {
        const suffix = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][exponent] ?? "";
        expect(parseQuantity(`${count}${suffix}`)).toBe(BigInt(count) * 1024n ** BigInt(exponent + 1) * 1_000_000_000n);
      }),
    );
  });
});
