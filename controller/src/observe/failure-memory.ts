import type { ObservedFailure } from "../decide/live/observed.ts";
import { isOfQuota } from "../decide/values/quota.ts";
import { earliest } from "../decide/values/time.ts";

type Remembered = {
  readonly failure: ObservedFailure;
  readonly attempts: number;
  readonly retryAtMs: number;
  /** Of the server's spec from which the refused write came. */
  readonly generation: number;
};

/**
 * How long a refused write is held back before the same body is sent again: doubling from 10 s to 5 min, because a
 * permission may change without notification. A new body is sent at once, and so is the same one after a change
 * of the spec: what was refused because of one part of it may be possible now, or no longer be desired.
 */
const FIRST_RETRY_MS = 10_000;
const LAST_RETRY_MS = 300_000;

/**
 * What an administrator repairs while people wait (a webhook that is down, a quota) is retried every 30 s, for about an
 * hour; after that as rarely as everything else.
 */
const REPAIR_RETRY_MS = 30_000;
const REPAIR_ATTEMPTS = 120;

/** A name that is still held by what is left of an earlier server: the garbage collector is quick. */
const LEAVING_RETRY_MS = 1_000;

/**
 * Writes that the API server refused, by server and child, until one of that child is accepted. Decisions report in
 * the status what was refused, and retry it only when it is due. All times are monotonic milliseconds.
 */
export class FailureMemory {
  readonly #byServer = new Map<string, Map<string, Remembered>>();

  /** The failures of a server whose spec is of this generation; `mayRetry` on those that were held back long enough. */
  of(serverUid: string, generation: number, nowMs: number): readonly ObservedFailure[] {
    return this.#all(serverUid).map(({ failure, retryAtMs, generation: refused }) =>
      retryAtMs > nowMs && refused === generation ? failure : { ...failure, mayRetry: true },
    );
  }

  /**
   * Milliseconds until a write that was held back in a reconcile may be tried again; undefined if none was.
   *
   * @param startMs When the reconcile began: what has become due during it was not tried in it.
   */
  nextRetryMs(serverUid: string, startMs: number, nowMs: number): number | undefined {
    const heldBack = this.#all(serverUid).filter(({ retryAtMs }) => retryAtMs > startMs);
    return earliest(...heldBack.map(({ retryAtMs }) => Math.max(0, retryAtMs - nowMs)));
  }

  /**
   * Keeps a refusal; the same one again is held back for twice as long.
   *
   * @returns Whether it is not the same one again.
   */
  remember(serverUid: string, generation: number, failure: ObservedFailure, nowMs: number): boolean {
    const failures = this.#byServer.get(serverUid) ?? new Map<string, Remembered>();
    const before = failures.get(failure.childKey);
    const attempts = before?.failure.desiredHash === failure.desiredHash ? before.attempts + 1 : 1;
    const waitMs = waitBefore(attempts, failure);
    failures.set(failure.childKey, { failure, attempts, retryAtMs: nowMs + waitMs, generation });
    this.#byServer.set(serverUid, failures);
    return attempts === 1;
  }

  /** A write of this child was accepted, or none is wanted any more. */
  forgetChild(serverUid: string, childKey: string): void {
    const failures = this.#byServer.get(serverUid);
    failures?.delete(childKey);
    if (failures?.size === 0) this.#byServer.delete(serverUid);
  }

  /** Whether one of the server's writes was refused because of a ResourceQuota. */
  isOverQuota(serverUid: string): boolean {
    return this.#all(serverUid).some(({ failure }) => isOfQuota(failure.message));
  }

  /** The cause of refusals is gone: all of the server's writes may be retried at once. @returns Whether there are any. */
  release(serverUid: string): boolean {
    const failures = this.#byServer.get(serverUid);
    for (const [childKey, known] of failures ?? []) failures?.set(childKey, { ...known, retryAtMs: 0 });
    return failures !== undefined;
  }

  /** The server is gone. */
  forget(serverUid: string): void {
    this.#byServer.delete(serverUid);
  }

  #all(serverUid: string): readonly Remembered[] {
    return [...(this.#byServer.get(serverUid)?.values() ?? [])];
  }
}

function waitBefore(attempts: number, failure: ObservedFailure): number {
  const first = failure.isHeldByEarlier === true ? LEAVING_RETRY_MS : FIRST_RETRY_MS;
  const isUnderRepair = isRepairable(failure) && attempts <= REPAIR_ATTEMPTS;
  return Math.min(isUnderRepair ? REPAIR_RETRY_MS : LAST_RETRY_MS, first * 2 ** (attempts - 1));
}

/** No change by the server's user is needed. */
function isRepairable({ code, message, isHeldByEarlier }: ObservedFailure): boolean {
  return isHeldByEarlier === true || code >= 500 || (code === 403 && isOfQuota(message));
}
