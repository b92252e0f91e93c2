import { describe, expect, it } from "vitest";
import { aServer, NOW } from "../testing/builders.ts";
import { statusOfFailure } from "./failed-reconcile.ts";

const time = "2026-01-01T00:00:00Z";
const old = { status: "True", reason: "PodReady", message: "m", lastTransitionTime: time } as const;

describe("statusOfFailure", () => {
  it("says of a new server that it failed, and that the controller could not reconcile it", () => {
    const { state, conditions } = statusOfFailure(aServer(), "internal error (TypeError)", NOW);
    expect(state).toBe("failed");
    expect(conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ["Ready", "False", "ReconcileFailed"],
      ["Stalled", "True", "ReconcileFailed"],
    ]);
    expect(conditions?.[1]?.message).toContain("internal error (TypeError)");
  });

  it("leaves a server that runs as ready as it was, and does not say that it is on its way", () => {
    const conditions = ["Ready", "Reconciling", "UpdatePending"].map((type) => ({ type, ...old }));
    const status = statusOfFailure({ ...aServer(), status: { state: "running", conditions } }, "x", NOW);
    expect(status.state).toBe("running");
    expect(status.conditions?.map(({ type, reason }) => [type, reason])).toEqual([
      ["Ready", "PodReady"],
      ["Stalled", "ReconcileFailed"],
      ["UpdatePending", "PodReady"],
    ]);
  });

  it("says the same again without a change, so that nothing is written", () => {
    const first = statusOfFailure(aServer(), "x", NOW);
    const later = new Date(NOW.getTime() + 60_000);
    expect(statusOfFailure({ ...aServer(), status: first }, "x", later)).toEqual(first);
  });
});
