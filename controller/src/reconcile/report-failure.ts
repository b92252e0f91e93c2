import { ApiError, isConflict, isFault, type ObjectKey } from "@amalthea/kube";
import { statusOfFailure } from "../decide/status/failed-reconcile.ts";
import type { ReconcilerParts } from "./parts.ts";
import type { ReconcileDeps } from "./reconcile.ts";

export type FailureReportDeps = Pick<ReconcilerParts, "caches" | "queue" | "clock" | "logger"> &
  Pick<ReconcileDeps, "writeStatus">;

/** Consecutive errors of the API server before they are reported: a single one is over at the next attempt. */
const FAILURES_BEFORE_REPORT = 3;

/** Reports in the status of a server that its reconcile threw. Never rejects. */
export async function reportFailure(
  key: ObjectKey,
  error: unknown,
  { caches, queue, writeStatus, clock, logger }: FailureReportDeps,
  signal: AbortSignal,
): Promise<void> {
  const detail = failureDetail(error, queue.failures(key));
  const server = caches.server(key);
  if (detail === undefined || server === undefined) return;
  try {
    await writeStatus(server, statusOfFailure(server, detail, clock.now()), signal);
  } catch (err) {
    logger.warn({ key, err }, "cannot write the condition of a failed reconcile");
  }
}

/**
 * The reportable form of an error: its kind, or the request that the API server refused, and no content of an object or a
 * Secret. Undefined for what is over by itself: a conflict, throttling, an API server that does not answer, and
 * its errors until they have come some times in a row.
 */
function failureDetail(error: unknown, failures: number): string | undefined {
  if (isFault(error)) return `internal error (${error instanceof Error ? error.name : typeof error})`;
  const isRefused = error instanceof ApiError && error.code !== 429 && !isConflict(error);
  return isRefused && failures >= FAILURES_BEFORE_REPORT ? error.message : undefined;
}
