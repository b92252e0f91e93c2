import { describe, expect, it } from "vitest";
import { type Condition, setCondition } from "./conditions.ts";

const now = new Date("2026-02-03T04:05:06.789Z");
const ready: Condition = {
  type: "Ready",
  status: "False",
  reason: "Starting",
  message: "m",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};

describe("setCondition", () => {
  it.each([
    { change: "another status", next: { status: "True", reason: "PodReady" }, time: "2026-02-03T04:05:06Z" },
    { change: "another reason only", next: { status: "False", reason: "ImagePull" }, time: "2026-01-01T00:00:00Z" },
  ] as const)("$change → lastTransitionTime $time", ({ next, time }) => {
    const other = { ...ready, type: "Other" };
    const { lastTransitionTime: _, ...before } = ready;
    expect(setCondition([ready, other], { ...before, ...next }, now)).toEqual([
      { ...ready, ...next, lastTransitionTime: time },
      other,
    ]);
  });

  it("adds a condition of a new type at the end", () => {
    const { lastTransitionTime: _, ...before } = ready;
    const conditions = setCondition([ready], { ...before, type: "New" }, now);
    expect(conditions.map(({ type }) => type)).toEqual(["Ready", "New"]);
    expect(conditions[1]?.lastTransitionTime).toBe("2026-02-03T04:05:06Z");
  });
});
