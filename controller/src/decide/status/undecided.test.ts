import { describe, expect, it } from "vitest";
import { decide } from "../decide.ts";
import { anObserved, aServer, NOW, someSettings } from "../testing/builders.ts";

describe("a server at which the code for decisions fails", () => {
  const failing = anObserved({ server: aServer({ status: { state: "running", url: "https://hub.example.org/" } }) });
  Object.defineProperty(failing, "children", {
    get: () => {
      throw new TypeError("cannot read token-of-alice");
    },
    enumerable: true,
  });

  it("is told so, without what the error quotes, keeps the rest of its status, and is not tried again soon", () => {
    const { plan, status, outcome, error } = decide(failing, someSettings(), NOW);
    expect(plan).toEqual([]);
    expect(status).toMatchObject({
      state: "running",
      url: "https://hub.example.org/",
      conditions: [{ type: "Stalled", status: "True", reason: "DecisionFailed" }],
    });
    expect(JSON.stringify(status)).toContain("TypeError");
    expect(JSON.stringify(status)).not.toContain("token-of-alice");
    expect(outcome).toEqual({ kind: "CheckAgain", afterSeconds: 600 });
    expect(error).toBeInstanceOf(TypeError);
  });
});
