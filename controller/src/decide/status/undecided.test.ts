import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { decide } from "../decide.ts";
import type { Observed } from "../live/observed.ts";
import { anObserved, aServer, NOW, someSettings, timeAgo } from "../testing/builders.ts";
import { undecided } from "./undecided.ts";

describe("a server at which the code for decisions fails", () => {
  const failingAt = (server: JupyterServer): Observed =>
    Object.defineProperty(anObserved({ server }), "children", {
      get: () => {
        throw new TypeError("cannot read token-of-alice");
      },
      enumerable: true,
    });

  it("is told so, without what the error quotes, keeps the rest of its status, and is not tried again soon", () => {
    const server = aServer({ status: { state: "running", url: "https://hub.example.org/" } });
    const { plan, status, outcome, error } = decide(failingAt(server), someSettings(), NOW);
    expect(plan).toEqual([]);
    expect(status).toMatchObject({
      state: "running",
      url: "https://hub.example.org/",
      conditions: [
        { type: "Ready", status: "False", reason: "DecisionFailed" },
        { type: "Stalled", status: "True", reason: "DecisionFailed" },
      ],
    });
    expect(JSON.stringify(status)).toContain("TypeError");
    expect(JSON.stringify(status)).not.toContain("token-of-alice");
    expect(outcome).toEqual({ kind: "CheckAgain", afterSeconds: 600 });
    expect(error).toBeInstanceOf(TypeError);
  });

  it("counts as ready no longer, even if it was: nobody looks any more", () => {
    const ready = {
      type: "Ready",
      status: "True" as const,
      reason: "PodReady",
      message: "",
      lastTransitionTime: timeAgo(60),
    };
    const server = aServer({ status: { state: "running", conditions: [{ ...ready, observedGeneration: 1 }] } });
    const { status } = decide(failingAt(server), someSettings(), NOW);
    expect(status.conditions).toMatchObject([
      { type: "Ready", status: "Unknown", reason: "DecisionFailed" },
      { type: "Stalled", status: "True" },
    ]);
  });

  it("is told so whatever form its previous status has", () => {
    const server = aServer({ status: { conditions: "none", state: 7 } as never });
    const { status } = undecided(anObserved({ server }), new RangeError(), NOW);
    expect(status).toMatchObject({
      state: "failed",
      conditions: [{ type: "Ready", status: "False" }, { type: "Stalled" }],
    });
  });
});
