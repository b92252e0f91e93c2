import { describe, expect, it } from "vitest";
import type { Milestone } from "../decide/status/milestones.ts";
import { ResumeMemory } from "./resume-memory.ts";

const toStarting = (from: "none" | "hibernated" | "running"): Milestone => ({
  ...{ kind: "StateChanged", from, to: "starting" },
});

describe("a start", () => {
  it("is a resume from the hibernation until the server runs, or fails", () => {
    const memory = new ResumeMemory();
    memory.note("u", toStarting("none"));
    expect(memory.has("u")).toBe(false);
    for (const to of ["running", "failed"] as const) {
      memory.note("u", toStarting("hibernated"));
      memory.note("u", { kind: "Resumed" });
      expect(memory.has("u")).toBe(true);
      memory.note("u", { kind: "StateChanged", from: "starting", to });
      expect(memory.has("u")).toBe(false);
    }
  });
});
