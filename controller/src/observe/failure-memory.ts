import type { ObservedFailure } from "../decide/live/observed.ts";

type Remembered = {
  readonly failure: ObservedFailure;
  readonly attempts: number;
  readonly retryAtMs: number;
  /** Of the server's spec from which the refused write came. */
  readonly generation: number;
};

/**
 * How long a refused write is held back before the same body is sent again: doubling from 10 s to 5 min, because a quota
 * or a permission may change without anybody telling us. A new body is sent at once, and so is the same one after a change
 * of the spec: what was refused because of one part of it may be possible now, or not be wanted any more.
 */
const FIRST_RETRY_MS = 10_000;
const LAST_RETRY_MS = 300_000;

/**
 * Writes that the API server refused, by server and child, until one of that child is accepted. Decisions say in the
 * status what was refused, and repeat it only when the time has come. All times are monotonic milliseconds.
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
    const waits = this.#all(serverUid).flatMap(({ retryAtMs }) =>
      retryAtMs > startMs ? [Math.max(0, retryAtMs - nowMs)] : [],
    );
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  /** Keeps a refusal; the same one again is held back for twice as long. */
  remember(serverUid: string, generation: number, failure: ObservedFailure, nowMs: number): void {
    const failures = this.#byServer.get(serverUid) ?? new Map<string, Remembered>();
    const before = failures.get(failure.childKey);
    const attempts = before?.failure.desiredHash === failure.desiredHash ? before.attempts + 1 : 1;
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1));
    failures.set(failure.childKey, { failure, attempts, retryAtMs: nowMs + waitMs, generation });
    this.#byServer.set(serverUid, failures);
  }

  /** A write of this child was accepted, or none is wanted any more. */
  forgetChild(serverUid: string, childKey: string): void {
    const failures = this.#byServer.get(serverUid);
    failures?.delete(childKey);
    if (failures?.size === 0) this.#byServer.delete(serverUid);
  }

  /** The server is gone. */
  forget(serverUid: string): void {
    this.#byServer.delete(serverUid);
  }

  #all(serverUid: string): readonly Remembered[] {
    return [...(this.#byServer.get(serverUid)?.values() ?? [])];
  }
}
