import { keyOf } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import type { ActionResult } from "../apply/action-result.ts";
import type { Plan } from "../decide/decision.ts";
import { anObserved, NOW, someSettings } from "../decide/testing/builders.ts";
import { reconcile } from "./reconcile.ts";

describe("reconcile", () => {
  it("writes no status and no Event of a server whose namespace is being deleted, and does not come back", async () => {
    const observed = anObserved();
    const told: string[] = [];
    const skipFirst = async ([action]: Plan): Promise<readonly ActionResult[]> =>
      action === undefined
        ? []
        : [{ kind: "Skipped", action, because: "NamespaceTerminating", retryAfterMs: undefined }];
    const deps = {
      settings: someSettings(),
      now: () => NOW,
      observe: async () => ({ observed, dueInMs: undefined }),
      apply: skipFirst,
      writeStatus: async () => {
        told.push("status");
        return "Written" as const;
      },
      reportFault: () => {},
      recordEvents: () => {
        told.push("event");
      },
      askActivity: () => undefined,
    };
    const outcome = await reconcile(keyOf(observed.server.metadata), deps, new AbortController().signal);
    expect(outcome).toEqual({ kind: "Settled" });
    expect(told).toEqual([]);
  });
});
