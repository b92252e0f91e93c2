import type { Condition, JupyterServerStatus } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { eventsBetween } from "./events.ts";

const having = (
  state: JupyterServerStatus["state"] & string,
  ...conditions: readonly string[]
): JupyterServerStatus => ({
  state,
  conditions: conditions.map((text) => {
    const [type = "", status = "", reason = ""] = text.split(" ");
    return { type, status: status as Condition["status"], reason, message: "m", lastTransitionTime: "" };
  }),
});

describe("eventsBetween", () => {
  it.each([
    {
      change: "is new",
      before: undefined,
      after: having("starting", "Ready False PodMissing", "Reconciling True PodMissing"),
      events: [],
    },
    {
      change: "becomes ready",
      before: having("starting", "Ready False Starting", "Reconciling True Starting"),
      after: having("running", "Ready True PodReady"),
      events: ["Normal PodReady"],
    },
    {
      change: "fails",
      before: having("starting", "Ready False Starting"),
      after: having("failed", "Ready False CrashLoop", "Stalled True CrashLoop"),
      events: ["Warning CrashLoop"],
    },
    {
      change: "fails for another reason",
      before: having("failed", "Ready False CrashLoop", "Stalled True CrashLoop"),
      after: having("failed", "Ready False OutOfMemory", "Stalled True OutOfMemory"),
      events: ["Warning OutOfMemory"],
    },
    {
      change: "stays failed",
      before: having("failed", "Ready False CrashLoop", "Stalled True CrashLoop"),
      after: having("failed", "Ready False CrashLoop", "Stalled True CrashLoop"),
      events: [],
    },
    {
      change: "hibernates",
      before: having("running", "Ready True PodReady"),
      after: having(
        "hibernated",
        "Ready False Hibernating",
        "Reconciling True Hibernating",
        "StorageWarning True HibernatedWithoutVolume",
      ),
      events: ["Normal Hibernating", "Warning HibernatedWithoutVolume"],
    },
    {
      change: "is told of a change that waits",
      before: having("running", "Ready True PodReady"),
      after: having("running", "Ready True PodReady", "UpdatePending True ChangesWaiting"),
      events: ["Normal ChangesWaiting"],
    },
    {
      change: "is taken over while it runs",
      before: { state: "running" } as const,
      after: having("running", "Ready True PodReady"),
      events: [],
    },
    {
      change: "is taken over, and was called starting although it runs",
      before: { state: "starting" } as const,
      after: having("running", "Ready True PodReady"),
      events: ["Normal PodReady"],
    },
  ])("a server that $change → $events", ({ before, after, events }) => {
    expect(eventsBetween(before, after).map(({ type, reason }) => `${type} ${reason}`)).toEqual(events);
  });
});
