import { ANNOTATIONS } from "@amalthea/api";
import { valueAt } from "./json.ts";
import { liveStatefulSet } from "./live-child.ts";
import type { Observed } from "./observed.ts";
import { wasNeverReady, type LivePod } from "./running-pod.ts";

/** When a restart was last asked for, by annotation of the server or by `kubectl rollout restart`. */
function restartRequests(observed: Observed): readonly (readonly [string, string])[] {
  const template = valueAt(liveStatefulSet(observed)?.spec, "template", "metadata", "annotations");
  const requests = [
    [ANNOTATIONS.restartedAt, observed.server.metadata.annotations?.[ANNOTATIONS.restartedAt]],
    [ANNOTATIONS.kubectlRestartedAt, valueAt(template, ANNOTATIONS.kubectlRestartedAt)],
  ] as const;
  return requests.flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : []));
}

/**
 * Why somebody wants the pod replaced: the request is younger than the pod, and not in the future, where it would be
 * obeyed again and again. Undefined if nobody does.
 */
export function requestedRestart(observed: Observed, pod: LivePod, now: Date): string | undefined {
  const started = Date.parse(pod.metadata.creationTimestamp);
  const request = restartRequests(observed).find(([, value]) => {
    const asked = Date.parse(value);
    return asked > started && asked <= now.getTime();
  });
  return request === undefined ? undefined : `${request[0]} is ${request[1]}`;
}

/**
 * Why the pod has to give way to a new one; undefined if it stays.
 *
 * @param waiting Spec fields that the pod does not have yet.
 */
export function restartReason(
  observed: Observed,
  pod: LivePod,
  waiting: readonly string[],
  now: Date,
): string | undefined {
  const requested = requestedRestart(observed, pod, now);
  if (requested !== undefined) return requested;
  if (observed.server.spec.updatePolicy === "Restart" && waiting.length > 0) return `${waiting.join(", ")} changed`;
  return wasNeverReady(pod) && waiting.length > 0 ? `${waiting.join(", ")} changed before it was ready` : undefined;
}

/**
 * Why a pod that nobody can have worked in is replaced, although no spec field says so: the StatefulSet would make
 * another one now, because a new version of the controller writes another template.
 */
export function outdatedBeforeReady(observed: Observed, pod: LivePod): string | undefined {
  const wanted = valueAt(liveStatefulSet(observed)?.status, "updateRevision");
  const started = pod.metadata.labels?.["controller-revision-hash"];
  const isOutdated = typeof wanted === "string" && started !== undefined && started !== wanted;
  return isOutdated && wasNeverReady(pod) ? "its template changed before it was ready" : undefined;
}
