import { describe, expect, it } from "vitest";
import { type HealthSources, liveness, readiness } from "./health.ts";

function sources(change: { silentMs?: number; synced?: boolean; age?: number; stopping?: boolean }): HealthSources {
  return {
    caches: { synced: change.synced ?? true, all: [{ silentMs: () => 0 }, { silentMs: () => change.silentMs ?? 0 }] },
    renewalAgeMs: () => change.age,
    isStopping: () => change.stopping ?? false,
  };
}

describe("liveness", () => {
  it.each([
    { circumstance: "all is well", change: { age: 2_000 }, code: 200 },
    { circumstance: "one watch is silent for over ten minutes", change: { silentMs: 600_001 }, code: 503 },
    { circumstance: "the first lists take long", change: { silentMs: 600_001, synced: false }, code: 200 },
    { circumstance: "the leader did not renew its lease", change: { age: 20_001 }, code: 503 },
    { circumstance: "it follows, or there is no lease", change: {}, code: 200 },
    { circumstance: "it is stopping", change: { stopping: true }, code: 200 },
  ])("$circumstance → $code", ({ change, code }) => {
    expect(liveness(sources(change)).code).toBe(code);
  });
});

describe("readiness", () => {
  it.each([
    { circumstance: "the caches are complete", change: {}, code: 200 },
    { circumstance: "the caches are not complete", change: { synced: false }, code: 503 },
    { circumstance: "it is stopping", change: { stopping: true }, code: 503 },
  ])("$circumstance → $code", ({ change, code }) => {
    expect(readiness(sources(change)).code).toBe(code);
  });
});
