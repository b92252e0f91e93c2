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

  it("tells a refusal that is new from the same one again, whatever came of the spec", () => {
    const memory = new FailureMemory();
    const attempts = [
      memory.remember("u", 1, failure, 0),
      memory.remember("u", 1, failure, 10_000),
      memory.remember("u", 2, failure, 10_001),
      memory.remember("u", 2, { ...failure, desiredHash: "b" }, 10_002),
    ];
    expect(attempts).toEqual([true, false, false, true]);
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

  it.each([
    { cause: "a webhook that is down", refusal: { ...failure, code: 500, message: "failed calling webhook" } },
    { cause: "a quota", refusal: { ...failure, message: "forbidden: exceeded quota: q, requested: memory=1Gi" } },
  ])("tries again within 30 s what was refused because of $cause, and 400 times in a day at most", ({ refusal }) => {
    const memory = new FailureMemory();
    const waits: number[] = [];
    for (let nowMs = 0; nowMs < 86_400_000; nowMs += waits.at(-1) ?? 0) {
      memory.remember("u", 1, refusal, nowMs);
      waits.push(memory.nextRetryMs("u", nowMs, nowMs) ?? 0);
    }
    expect(waits.slice(0, 4)).toEqual([10_000, 20_000, 30_000, 30_000]);
    expect(Math.max(...waits.slice(0, 120))).toBe(30_000);
    expect(Math.max(...waits)).toBe(300_000);
    expect(waits.length).toBeLessThan(420);
  });

  it("tries again after a second while the name is held by what is left of an earlier server", () => {
    const memory = new FailureMemory();
    memory.remember("u", 1, { ...failure, code: 409, isHeldByEarlier: true }, 0);
    expect(memory.nextRetryMs("u", 0, 0)).toBe(1_000);
  });

  it("lets all of a server's writes be tried again when what they were refused for is gone", () => {
    const memory = new FailureMemory();
    memory.remember("u", 1, failure, 5);
    expect(memory.release("u")).toBe(true);
    expect(memory.release("other")).toBe(false);
    expect(memory.of("u", 1, 6)).toEqual([{ ...failure, mayRetry: true }]);
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
