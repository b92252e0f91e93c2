import type { Identity } from "../identity.ts";

/** A session as stored in the pod. Times are in milliseconds since 1970. */
export type KeptSession = {
  /** Hash of the ticket that the browser has. */
  readonly id: string;
  /**
   * oauth2-proxy's own session, in its latest form: a `Cookie` header value. It contains the provider's tokens,
   * encrypted.
   */
  readonly cookie: string;
  readonly identity: Identity;
  readonly signedInAt: number;
  /** When the provider last confirmed it: at the sign-in, or when it renewed the session. */
  readonly confirmedAt: number;
  /** Whether the provider has ever renewed it. Without a refresh token it never does. */
  readonly isRenewable: boolean;
  /** The last attempt at a renewal, and the first one of those that failed since the last success; 0: none. */
  readonly triedAt: number;
  readonly failingSince: number;
};

/** How long sessions last. In milliseconds. */
export type SessionLimits = {
  /** From the sign-in; 0 is for ever. */
  readonly lengthMs: number;
  /** After which a session that is used is renewed with the provider; 0: never. */
  readonly renewMs: number;
  /** How long renewals may fail, other than by a refusal, before a session that was renewed before ends. */
  readonly graceMs: number;
};

/** Result of an attempt to renew a session. `Failed` says nothing about the session. */
export type Renewal =
  | { readonly kind: "Renewed"; readonly cookie: string; readonly identity: Identity }
  | { readonly kind: "Refused" }
  | {
      readonly kind: "Failed";
      readonly problem: string;
      /** oauth2-proxy responded, but did not renew it: there is no refresh token, or the provider did not respond. */
      readonly isAnswered: boolean;
    };

/**
 * What to do about a session now: nothing; renew it in the background; renew it first, because it has been unused for so
 * long that its identity is stale; or end it.
 */
export type SessionState = "Fresh" | "Due" | "Overdue" | "Over";

/** How long requests are served from memory while a renewal is in progress. */
const SLACK_MS = 60_000;
/** Between attempts that fail. */
const RETRY_MS = 15_000;

export function stateOf(session: KeptSession, limits: SessionLimits, now: number): SessionState {
  const { signedInAt, confirmedAt, triedAt } = session;
  const isTooOld = limits.lengthMs > 0 && now - signedInAt >= limits.lengthMs;
  if (isTooOld) return "Over";
  if (limits.renewMs === 0) return "Fresh";
  const age = now - confirmedAt;
  if (age >= 0 && age < limits.renewMs) return "Fresh"; // a clock that is set back makes nothing hold longer
  const isInUse = age >= 0 && now - Math.max(confirmedAt + limits.renewMs, triedAt) < SLACK_MS;
  return isInUse ? "Due" : "Overdue";
}

/** Whether an attempt to renew it is due. */
export function mayTryAgain({ triedAt, isRenewable }: KeptSession, { renewMs }: SessionLimits, now: number): boolean {
  const pause = isRenewable ? Math.min(RETRY_MS, renewMs) : renewMs;
  return now - triedAt >= pause || now < triedAt;
}

/**
 * What an attempt to renew a session shows about the provider: whether it renews sessions, if it responds at the moment.
 * A single failure proves nothing. The next attempt comes minutes later.
 */
export function areRenewedAfter(
  { isRenewable, failingSince }: Pick<KeptSession, "isRenewable" | "failingSince">,
  renewal: { readonly kind: "Renewed" | "Refused" } | { readonly kind: "Failed"; readonly isAnswered: boolean },
): boolean | undefined {
  if (renewal.kind === "Renewed") return true;
  const isTelling = renewal.kind === "Failed" && renewal.isAnswered;
  return isTelling && !isRenewable && failingSince > 0 ? false : undefined;
}

/** The session after an attempt to renew it; undefined ends it. */
export function afterRenewal(
  session: KeptSession,
  renewal: Renewal,
  { graceMs }: SessionLimits,
  now: number,
): KeptSession | undefined {
  switch (renewal.kind) {
    case "Refused":
      return undefined;
    case "Renewed": {
      const { cookie, identity } = renewal;
      if (identity.userId !== session.identity.userId) return undefined;
      return { ...session, cookie, identity, confirmedAt: now, isRenewable: true, triedAt: now, failingSince: 0 };
    }
    case "Failed": {
      // Even without requests in between: otherwise a client that sends fewer than one per grace would never reach its
      // end.
      const failingSince = session.failingSince > 0 ? session.failingSince : now;
      const isOver = session.isRenewable && now - failingSince > graceMs;
      return isOver ? undefined : { ...session, triedAt: now, failingSince };
    }
  }
}
