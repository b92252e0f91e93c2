import type { JupyterServerStatus } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { StatusPace } from "./status-pace.ts";

function aStatus(
  change: Partial<JupyterServerStatus> = {},
  ready: "True" | "False" = "False",
  reason = "PodPending",
): JupyterServerStatus {
  const condition = { type: "Ready", status: ready, reason, message: "", lastTransitionTime: "" };
  return { state: "starting", observedGeneration: 1, conditions: [condition], ...change };
}

describe("StatusPace", () => {
  it.each([
    { change: "the pod's own status", next: aStatus({ mainPod: { uid: "p" } }), waits: 4_000 },
    { change: "a step of the start", next: aStatus({}, "False", "ContainersStarting"), waits: 4_000 },
    { change: "the state", next: aStatus({ state: "failed" }), waits: 0 },
    { change: "readiness", next: aStatus({}, "True"), waits: 0 },
    { change: "the generation that was seen", next: aStatus({ observedGeneration: 2 }), waits: 0 },
  ])("one second after a write, $change waits $waits ms", ({ next, waits }) => {
    const pace = new StatusPace();
    pace.written("u", 0);
    expect(pace.waitMs("u", aStatus(), next, 1_000)).toBe(waits);
  });

  it("lets the first change of a server pass", () => {
    expect(new StatusPace().waitMs("u", aStatus(), aStatus({ mainPod: { uid: "p" } }), 0)).toBe(0);
  });

  it("lets a detail pass after five seconds", () => {
    const pace = new StatusPace();
    pace.written("u", 0);
    expect(pace.waitMs("u", aStatus(), aStatus({ mainPod: { uid: "p" } }), 5_000)).toBe(0);
  });
});
