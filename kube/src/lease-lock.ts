import type { Lease } from "kubernetes-types/coordination/v1.js";
import type { Live } from "./objects.ts";

export type LeaseSpec = NonNullable<Lease["spec"]>;

/** The Lease as last observed, and since when it has been unchanged, by our own clock. */
export type ObservedLease = { readonly lease: Live<Lease>; readonly sinceMs: number };

/** What a process may do with the Lease. */
export type LeaseDecision = "Create" | "Renew" | "TakeOver" | "Wait";

/**
 * Decides what may be done. Whether the holder is still alive is inferred from how long we have observed its record
 * unchanged, never from its timestamps: the clocks of two machines are unrelated.
 */
export function decideLease(observed: ObservedLease | undefined, identity: string, nowMs: number): LeaseDecision {
  if (observed === undefined) return "Create";
  const { holderIdentity, leaseDurationSeconds = 0 } = observed.lease.spec ?? {};
  if (holderIdentity === identity) return "Renew";
  if (holderIdentity === undefined || holderIdentity === "") return "TakeOver";
  return nowMs - observed.sinceMs >= leaseDurationSeconds * 1000 ? "TakeOver" : "Wait";
}

/** The Lease is remembered with the time of its last change: the same resourceVersion is the same record. */
export function observeLease(before: ObservedLease | undefined, lease: Live<Lease>, nowMs: number): ObservedLease {
  const unchanged = before?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
  return unchanged ? before : { lease, sinceMs: nowMs };
}

/** The record that acquires or renews the Lease for `identity`, replacing `before`. */
export function heldBy(identity: string, before: LeaseSpec | undefined, now: Date, leaseDurationMs: number): LeaseSpec {
  const renewal = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
    acquireTime: (renewal ? before.acquireTime : undefined) ?? microTime(now),
    renewTime: microTime(now),
    leaseTransitions: (before?.leaseTransitions ?? 0) + (renewal || before === undefined ? 0 : 1),
  };
}

/** The record that releases the Lease: the next follower need not wait. */
export function released(before: LeaseSpec | undefined, now: Date): LeaseSpec {
  return { ...before, holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(now) };
}

/** `metav1.MicroTime`: six digits, or the API server refuses it. */
export function microTime(time: Date): string {
  return time.toISOString().replace("Z", "000Z");
}
