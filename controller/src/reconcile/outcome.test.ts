import { keyOf } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import type { ActionResult } from "../apply/action-result.ts";
import type { Plan } from "../decide/decision.ts";
import type { Observed } from "../decide/live/observed.ts";
import { anObserved, NOW, someSettings } from "../decide/testing/builders.ts";
import { reconcile, type ReconcileDeps } from "./reconcile.ts";

type Apply = (plan: Plan) => readonly ActionResult[];

/** A reconcile of a world that `apply` may change, with nothing to report and nothing to retry. */
function reconcileIn(world: { observed: Observed }, apply: Apply): ReturnType<typeof reconcile> {
  const deps: ReconcileDeps = {
    settings: someSettings(),
    now: () => NOW,
    observe: async () => ({ observed: world.observed, dueInMs: undefined }),
    apply: (plan) => Promise.resolve(apply(plan)),
    writeStatus: () => Promise.resolve("Unchanged"),
    reportFault: () => undefined,
    recordEvents: () => undefined,
    askActivity: () => undefined,
  };
  return reconcile(keyOf(world.observed.server), deps, new AbortController().signal);
}

describe("reconcile", () => {
  it("goes on with what became possible because a Secret was found to be its own after all", async () => {
    const failure = {
      childKey: "secret",
      kind: "Secret",
      code: 409,
      message: "taken",
      desiredHash: "",
      mayRetry: true,
    };
    const world = { observed: anObserved({ failures: [failure] }) };
    const outcome = await reconcileIn(world, (plan) => {
      expect(plan.some((action) => action.kind === "Apply" && action.childKey === "statefulset")).toBe(false);
      world.observed = { ...world.observed, failures: [] };
      return plan.map((action) => ({ kind: "SecretSeen", action, secret: { kind: "Unknown" }, wrote: false }));
    });
    expect(outcome).toEqual({ kind: "CheckAgain", afterSeconds: 1 });
  });

  it("waits for news when all that is left was tried", async () => {
    const outcome = await reconcileIn({ observed: anObserved() }, (plan) =>
      plan.map((action) => ({ kind: "Skipped", action, because: "Equivalent", retryAfterMs: undefined })),
    );
    expect(outcome).toEqual({ kind: "Settled" });
  });
});
