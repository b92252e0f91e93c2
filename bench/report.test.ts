import { describe, expect, it } from "vitest";
import { describeMeasurement, holds, median, quantile } from "./report.ts";

describe("median", () => {
  it.each([
    { values: [3], middle: 3 },
    { values: [10, 9, 1], middle: 9 },
    { values: [4, 1, 3, 2], middle: 2.5 },
    { values: [], middle: Number.NaN },
  ])("of $values is $middle", ({ values, middle }) => {
    expect(median(values)).toBe(middle);
  });
});

describe("quantile", () => {
  it.each([
    { values: [7], share: 0.95, figure: 7 },
    { values: [30, 10, 20], share: 0, figure: 10 },
    { values: [30, 10, 20], share: 1, figure: 30 },
    { values: [40, 10, 20, 30, 50], share: 0.75, figure: 40 },
    { values: [10, 20], share: 0.25, figure: 12.5 },
    { values: [], share: 0.95, figure: Number.NaN },
  ])("of $values that a share of $share does not exceed is $figure", ({ values, share, figure }) => {
    expect(quantile(values, share)).toBe(figure);
  });
});

describe("a measurement", () => {
  it.each([
    { circumstance: "at the limit", measured: 7, atMost: 7, kept: true },
    { circumstance: "above the limit", measured: 7.01, atMost: 7, kept: false },
    { circumstance: "that is no number", measured: Number.NaN, atMost: 7, kept: false },
  ])("$circumstance keeps its limit: $kept", ({ measured, atMost, kept }) => {
    expect(holds({ what: "writes", measured, atMost })).toBe(kept);
  });

  it("is marked in the report when its limit was exceeded", () => {
    const writes = { what: "writes", measured: 8, atMost: 7, detail: "8 × patch services" };
    expect(describeMeasurement(writes)).toBe("  ! writes: 8 (limit 7)\n      8 × patch services");
  });

  it("is reported with its unit where there is no limit", () => {
    expect(describeMeasurement({ what: "duration", measured: 1.234, unit: "s" })).toBe("    duration: 1.23 s");
  });
});
