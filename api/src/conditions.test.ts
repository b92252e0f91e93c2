import { describe, expect, it } from "vitest";
import { condition, CONDITION_TYPES, MAX_MESSAGE_LENGTH, messageOf } from "./conditions.ts";
import type { Condition } from "./jupyter-server-status.ts";
import { REASONS, type Reason } from "./reasons.ts";

const reasons = Object.keys(REASONS) as Reason[];

function exampleOf<R extends Reason>(reason: R): string {
  return messageOf(reason, REASONS[reason].example);
}

describe("the catalogue of reasons", () => {
  it.each(reasons)("has for %s a name, a circumstance and a sentence that Kubernetes accepts", (reason) => {
    expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
    expect(REASONS[reason].when).toMatch(/[.]$/);
    expect(exampleOf(reason)).toMatch(/^["A-Za-z].*[.]$/);
  });

  it("puts every value of a case into its sentence", () => {
    for (const reason of reasons) {
      for (const value of Object.values<unknown>(REASONS[reason].example)) {
        const texts = Array.isArray(value) ? value : [value];
        // What is true or false chooses words.
        for (const text of texts.filter((one) => typeof one !== "boolean"))
          expect(exampleOf(reason), reason).toContain(String(text));
      }
    }
  });

  it("leaves no type of condition without a reason", () => {
    const used = new Set(reasons.flatMap((reason) => REASONS[reason].conditions));
    expect([...used].toSorted()).toEqual([...CONDITION_TYPES].toSorted());
  });
});

describe("messageOf", () => {
  it("says what to do after what is the case", () => {
    expect(messageOf("ImageNotFound", { image: "lab:v9" })).toBe(
      "The image lab:v9 does not exist, or pulling it needs credentials. Correct spec.jupyterServer.image (of a container of the login: the chart value sidecarImages; of an added one: its patch; of a volume: spec.jupyterServer.extraVolumes or its patch), or create its pull secret and name it in spec.jupyterServer.imagePullSecrets.",
    );
  });

  it("cuts what others said at the length that people read", () => {
    const message = messageOf("Evicted", { detail: "x".repeat(40_000) });
    expect(message).toHaveLength(MAX_MESSAGE_LENGTH);
    expect(message).toMatch(/x…$/);
  });
});

describe("condition", () => {
  const before: Condition = {
    type: "Ready",
    status: "False",
    reason: "PodMissing",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
    observedGeneration: 1,
  };
  const context = { now: "2026-01-02T00:00:00Z", generation: 2, previous: [before] };

  it("keeps the time of transition while the status stays", () => {
    const after = condition("Ready", "False", "Hibernated", {}, context);
    expect(after).toMatchObject({ lastTransitionTime: before.lastTransitionTime, observedGeneration: 2 });
  });

  it("takes the present time when the status changes", () => {
    const after = condition("Ready", "True", "PodReady", { url: "http://a" }, context);
    expect(after.lastTransitionTime).toBe(context.now);
  });
});
