import { describe, expect, it } from "vitest";
import { type HealthSources, liveness, readiness } from "./health.ts";

type Change = {
  connected?: boolean;
  silentMs?: number;
  incomplete?: readonly string[];
  age?: number;
  stopping?: boolean;
};

function sources(change: Change): HealthSources {
  const quiet = { isConnected: () => change.connected ?? true, silentMs: () => change.silentMs ?? 0 };
  const busy = { ...quiet, silentMs: () => (change.connected === false ? (change.silentMs ?? 0) : 0) };
  return {
    caches: () => ({ incomplete: change.incomplete ?? [], all: [busy, quiet] }),
    renewalAgeMs: () => change.age,
    isStopping: () => change.stopping ?? false,
  };
}

const unanswered: HealthSources = { ...sources({}), caches: () => undefined };

describe("liveness", () => {
  it.each([
    { circumstance: "all is well", change: { age: 2_000 }, code: 200 },
    { circumstance: "one open watch is silent for over ten minutes", change: { silentMs: 600_001 }, code: 503 },
    { circumstance: "the API server is away", change: { silentMs: 36_000_000, connected: false }, code: 200 },
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
    { circumstance: "the caches are not synced", change: { incomplete: ["pods"] }, code: 503 },
    { circumstance: "the API server is away", change: { silentMs: 30_001, connected: false }, code: 503 },
    { circumstance: "watches are being reopened", change: { silentMs: 30_000, connected: false }, code: 200 },
    { circumstance: "it is stopping", change: { stopping: true }, code: 503 },
  ])("$circumstance → $code", ({ change, code }) => {
    expect(readiness(sources(change)).code).toBe(code);
  });

  it("says what it waits for", () => {
    expect(readiness(sources({ incomplete: ["pods", "services"] })).body).toContain("pods, services");
    expect(readiness(unanswered).body).toContain("the API server does not respond");
  });
});

describe("liveness before the first answer of the API server", () => {
  it("lets the process wait", () => {
    expect(liveness(unanswered).code).toBe(200);
  });
});
