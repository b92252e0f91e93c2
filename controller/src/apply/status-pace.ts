import type { JupyterServerStatus } from "@amalthea/api";
import { isSame } from "./merge-patch.ts";

/** Shortest time between two writes of a status in which no more than details changed. */
const DETAIL_INTERVAL_MS = 5_000;

/**
 * Keeps the many small changes of a starting pod from becoming as many writes: a change that somebody waits for is written
 * at once, details (the pod's own status, states of its containers, wording) at most every five seconds.
 */
export class StatusPace {
  readonly #writtenAtMs = new Map<string, number>();

  /** Milliseconds to wait before this change is written; 0: now. Times are monotonic milliseconds. */
  waitMs(serverUid: string, present: JupyterServerStatus, desired: JupyterServerStatus, nowMs: number): number {
    const writtenAtMs = this.#writtenAtMs.get(serverUid);
    if (writtenAtMs === undefined || !isSame(essenceOf(present), essenceOf(desired))) return 0;
    return Math.max(0, writtenAtMs + DETAIL_INTERVAL_MS - nowMs);
  }

  written(serverUid: string, nowMs: number): void {
    this.#writtenAtMs.set(serverUid, nowMs);
  }

  /** The server is gone. */
  forget(serverUid: string): void {
    this.#writtenAtMs.delete(serverUid);
  }
}

/** What people and programs wait for. */
function essenceOf(status: JupyterServerStatus): unknown {
  const { state, url, observedGeneration, create_fn, hibernatedSince, failedSince, startingSince } = status;
  const conditions = (status.conditions ?? []).map(({ type, status: value, reason }) =>
    // While a server starts, the reason follows each step of its pod: a detail like the steps themselves.
    ({ type, value, reason: state === "starting" && type !== "Stalled" ? undefined : reason }),
  );
  return { state, url, observedGeneration, create_fn, hibernatedSince, failedSince, startingSince, conditions };
}
