import { describe, expect, it } from "vitest";
import type { ObservedFailure } from "../decide/live/observed.ts";
import { FailureMemory } from "./failure-memory.ts";

const failure: ObservedFailure = {
  childKey: "pvc",
  kind: "PersistentVolumeClaim",
  code: 403,
  message: "quota",
  desiredHash: "a",
};

describe("FailureMemory", () => {
  it("holds a refused write back for ten seconds, then lets it be tried again", () => {
    const memory = new FailureMemory();
    memory.remember("u", 1, failure, 0);
    expect(memory.of("u", 1, 9_999)).toEqual([failure]);
    expect(memory.nextRetryMs("u", 9_999, 9_999)).toBe(1);
    expect(memory.of("u", 1, 10_000)).toEqual([{ ...failure, mayRetry: true }]);
    expect(memory.nextRetryMs("u", 10_000, 10_000)).toBeUndefined();
  });

  it("lets a refused write be tried again at once when the spec has changed", () => {
    const memory = new FailureMemory();
    memory.remember("u", 1, failure, 0);
    expect(memory.of("u", 2, 1)).toEqual([{ ...failure, mayRetry: true }]);
    memory.remember("u", 2, failure, 1);
    expect(memory.of("u", 2, 2)).toEqual([failure]);
  });

  it("asks for another reconcile at once if the time came during the one that still held the write back", () => {
    const memory = new FailureMemory();
    memory.remember("u", 1, failure, 0);
    expect(memory.nextRetryMs("u", 9_999.5, 10_000.5)).toBe(0);
  });

  it("doubles the wait for the same body, up to five minutes, and starts again for another", () => {
    const memory = new FailureMemory();
    const waits = [1, 2, 3, 4, 5, 6, 7].map(() => {
      memory.remember("u", 1, failure, 0);
      return memory.nextRetryMs("u", 0, 0);
    });
    expect(waits).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    memory.remember("u", 1, { ...failure, desiredHash: "b" }, 0);
    expect(memory.nextRetryMs("u", 0, 0)).toBe(10_000);
  });

  it("forgets one child at a time", () => {
    const memory = new FailureMemory();
    memory.remember("u", 1, failure, 0);
    memory.remember("u", 1, { ...failure, childKey: "ingress" }, 0);
    memory.forgetChild("u", "pvc");
    expect(memory.of("u", 1, 0).map(({ childKey }) => childKey)).toEqual(["ingress"]);
    expect(memory.of("other", 1, 0)).toEqual([]);
  });
});
