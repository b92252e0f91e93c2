import { describe, expect, it } from "vitest";
import { measurementsOf, type Tally } from "./random-servers.ts";
import { holds } from "./report.ts";

const tally: Tally = {
  results: [
    { kind: "Refused" },
    { kind: "Whole", children: 6 },
    { kind: "Stalled", children: 4, reason: "PatchInvalid" },
    { kind: "Stalled", children: 0, reason: "ChildRefused" },
    { kind: "Stalled", children: 0, reason: "ChildRefused" },
  ],
  failures: [],
};

describe("the figures of random servers", () => {
  it("count the servers by what became of them, the reasons by how often they occur", () => {
    const [admitted, whole, stalled, children] = measurementsOf(tally, 1);
    expect(admitted).toMatchObject({ measured: 4, detail: "of 5; seed 1" });
    expect(whole).toMatchObject({ measured: 1 });
    expect(stalled).toMatchObject({ measured: 3, detail: "2 × ChildRefused, 1 × PatchInvalid" });
    expect(children).toMatchObject({ measured: 10 });
  });

  it.each([
    { failures: [], kept: true },
    { failures: ["TypeError for {}"], kept: false },
  ])("keep the limit after the failures $failures: $kept", ({ failures, kept }) => {
    const figures = measurementsOf({ ...tally, failures }, 1);
    expect(figures.every(holds)).toBe(kept);
    expect(figures[0]?.measured).toBe(4 + failures.length);
  });
});
