import type { Lease } from "kubernetes-types/coordination/v1.js";
import { describe, expect, it } from "vitest";
import { decideLease, heldBy, microTime, observeLease, released } from "./lease-lock.ts";
import type { Live } from "./objects.ts";

const now = new Date("2026-01-01T00:00:00.120Z");

function aLease(spec: Lease["spec"], resourceVersion = "1"): Live<Lease> {
  const metadata = { name: "l", namespace: "ns", uid: "u", resourceVersion, creationTimestamp: "2026-01-01T00:00:00Z" };
  return { metadata, ...(spec === undefined ? {} : { spec }) };
}

describe("decideLease", () => {
  const other = { holderIdentity: "other", leaseDurationSeconds: 15 };
  it.each([
    { lease: "absent", spec: undefined, absent: true, nowMs: 0, decision: "Create" },
    { lease: "without a spec", spec: undefined, absent: false, nowMs: 0, decision: "TakeOver" },
    {
      lease: "given back",
      spec: { holderIdentity: "", leaseDurationSeconds: 1 },
      absent: false,
      nowMs: 0,
      decision: "TakeOver",
    },
    {
      lease: "ours",
      spec: { holderIdentity: "me", leaseDurationSeconds: 15 },
      absent: false,
      nowMs: 99_999,
      decision: "Renew",
    },
    { lease: "another's", spec: other, absent: false, nowMs: 14_999, decision: "Wait" },
    { lease: "another's, unchanged for its duration", spec: other, absent: false, nowMs: 15_000, decision: "TakeOver" },
  ])("a lease that is $lease, after $nowMs ms → $decision", ({ spec, absent, nowMs, decision }) => {
    const observed = absent ? undefined : { lease: aLease(spec), sinceMs: 0 };
    expect(decideLease(observed, "me", nowMs)).toBe(decision);
  });
});

describe("observeLease", () => {
  it.each([
    { record: "the same", resourceVersion: "1", sinceMs: 0 },
    { record: "a renewed", resourceVersion: "2", sinceMs: 5_000 },
  ])("$record record is known since $sinceMs ms", ({ resourceVersion, sinceMs }) => {
    const before = { lease: aLease({}), sinceMs: 0 };
    expect(observeLease(before, aLease({}, resourceVersion), 5_000).sinceMs).toBe(sinceMs);
  });
});

describe("the record", () => {
  it("counts a change of the holder, and keeps the time of acquisition over renewals", () => {
    const first = heldBy("other", undefined, new Date("2025-12-31T00:00:00Z"), 15_000);
    const mine = heldBy("me", first, now, 15_000);
    const later = heldBy("me", mine, new Date("2026-01-01T00:00:02Z"), 15_000);
    expect([first.leaseTransitions, mine.leaseTransitions, later.leaseTransitions]).toEqual([0, 1, 1]);
    expect([mine.acquireTime, later.acquireTime, later.renewTime]).toEqual([
      "2026-01-01T00:00:00.120000Z",
      "2026-01-01T00:00:00.120000Z",
      "2026-01-01T00:00:02.000000Z",
    ]);
    expect(released(later, now)).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 1 });
  });

  it("writes times with six digits", () => {
    expect(microTime(now)).toBe("2026-01-01T00:00:00.120000Z");
  });
});
