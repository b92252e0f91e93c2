import { ANNOTATIONS, type Reason } from "@amalthea/api";
import { desiredReplicas } from "../children/stateful-set.ts";
import type { Action } from "../decision.ts";
import { isTerminating, liveStatefulSet, replicasOf, targetOf } from "../live/child.ts";
import { newestEvent } from "../live/events.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { annotationPath, patchMetadata } from "../metadata-patch.ts";
import { kubernetesTime, secondsBetween } from "../values/time.ts";

export type PodRetry = {
  readonly actions: readonly Action[];
  /** Seconds until the next attempt is due; undefined if none is needed. */
  readonly dueInSeconds: number | undefined;
};

const NONE: PodRetry = { actions: [], dueInSeconds: undefined };

/** What status says of a server whose pod the API server refuses to create. */
const REFUSED: readonly string[] = [
  "QuotaExceeded",
  "Forbidden",
  "InvalidChild",
  "PodCreationFailed",
] satisfies Reason[];

/**
 * Between two attempts to create a pod that the API server refuses. The StatefulSet controller's own retries are up to
 * 16 minutes apart, so people would wait long after a webhook is back: it retries at once when its object changes. The
 * interval grows with the time that the server has waited, from 10 s to 30 s; after an hour it is 5 minutes, so that an
 * abandoned server costs about 400 small writes in its first day and 288 in each later one.
 */
const LEAST_SECONDS = 1;
const FIRST_SECONDS = 10;
const LAST_SECONDS = 30;
const PATIENCE_SECONDS = 3600;
const RARE_SECONDS = 300;

/** Triggers the creation of a server's refused pod, once the refusal may be over. */
export function retryPod(observed: Observed, now: Date): PodRetry {
  const statefulSet = liveStatefulSet(observed);
  if (statefulSet === undefined || !isWaitingForPod(observed, statefulSet)) return NONE;
  const refusal = newestEvent(observed.events, ["FailedCreate"], statefulSet, new Date(0));
  if (refusal === undefined) return NONE;
  const touched = triedAt(statefulSet);
  const tried = touched > refusal.lastSeen ? touched : refusal.lastSeen;
  const { quotaFreedAt } = observed;
  const isFreed = quotaFreedAt !== undefined && quotaFreedAt > tried && readyReason(observed) === "QuotaExceeded";
  const interval = isFreed ? LEAST_SECONDS : intervalSeconds(observed, now);
  const dueInSeconds = Math.ceil(interval - secondsBetween(tried, now));
  return dueInSeconds > 0
    ? { actions: [], dueInSeconds }
    : { actions: [touch(statefulSet, now)], dueInSeconds: undefined };
}

function isWaitingForPod(observed: Observed, statefulSet: LiveChild): boolean {
  const isWanted = desiredReplicas(observed) === 1 && replicasOf(statefulSet) === 1 && !isTerminating(statefulSet);
  return isWanted && observed.pod === undefined && REFUSED.includes(readyReason(observed) ?? "");
}

function readyReason({ server }: Observed): string | undefined {
  return server.status?.conditions?.find(({ type }) => type === "Ready")?.reason;
}

function triedAt({ metadata }: LiveChild): Date {
  const time = new Date(metadata.annotations?.[ANNOTATIONS.podRetriedAt] ?? 0);
  return Number.isNaN(time.getTime()) ? new Date(0) : time;
}

function intervalSeconds({ server }: Observed, now: Date): number {
  const { startingSince, failedSince } = server.status ?? {};
  const waited = secondsBetween(new Date(failedSince ?? startingSince ?? server.metadata.creationTimestamp), now);
  if (waited > PATIENCE_SECONDS) return RARE_SECONDS;
  return Math.min(LAST_SECONDS, Math.max(FIRST_SECONDS, waited / 2));
}

/** Not under the StatefulSet's key: its success says nothing about the template. */
function touch(statefulSet: LiveChild, now: Date): Action {
  const { annotations } = statefulSet.metadata;
  const operation = { op: "add", path: annotationPath(ANNOTATIONS.podRetriedAt), value: kubernetesTime(now) };
  const because = "the refusal of its pod may be over";
  return { ...patchMetadata(targetOf(statefulSet), annotations, [operation], because), childKey: "retry" };
}
