import { ANNOTATIONS } from "@amalthea/api";
import { valueAt } from "../values/json.ts";
import { liveStatefulSet } from "../live/child.ts";
import type { Observed } from "../live/observed.ts";
import { isUnused, wasNeverReady, type LivePod } from "../live/pod.ts";

/** Requests to restart, by annotation of the server or by `kubectl rollout restart`, that a new pod would carry. */
function restartRequests(observed: Observed): readonly (readonly [string, unknown])[] {
  const template = valueAt(liveStatefulSet(observed)?.spec, "template", "metadata", "annotations");
  return [
    [ANNOTATIONS.restartedAt, observed.server.metadata.annotations?.[ANNOTATIONS.restartedAt]],
    [ANNOTATIONS.kubectlRestartedAt, valueAt(template, ANNOTATIONS.kubectlRestartedAt)],
  ];
}

/**
 * Why a restart is requested: the pod does not carry a request that a new pod would carry. Values are compared,
 * not times: the clock of the client may be wrong. Undefined if none is requested.
 */
function requestedRestart(observed: Observed, pod: LivePod): string | undefined {
  const request = restartRequests(observed).find(
    ([name, value]) => typeof value === "string" && pod.metadata.annotations?.[name] !== value,
  );
  return request === undefined ? undefined : `${request[0]} is ${String(request[1])}`;
}

/**
 * Why the pod is to be replaced; undefined if it stays.
 *
 * @param waiting Spec fields that the pod does not have yet.
 */
export function restartReason(observed: Observed, pod: LivePod, waiting: readonly string[]): string | undefined {
  const requested = requestedRestart(observed, pod);
  if (requested !== undefined) return requested;
  if (observed.server.spec.updatePolicy === "Restart" && waiting.length > 0) return `${waiting.join(", ")} changed`;
  return isUnused(pod) && waiting.length > 0 ? `${waiting.join(", ")} changed while nobody could use it` : undefined;
}

/**
 * Why a pod that nobody can have worked in is replaced, although no spec field changed: a new version of the controller
 * writes another template, from which the StatefulSet controller would create another pod.
 */
export function outdatedBeforeReady(observed: Observed, pod: LivePod): string | undefined {
  const wanted = valueAt(liveStatefulSet(observed)?.status, "updateRevision");
  const started = pod.metadata.labels?.["controller-revision-hash"];
  const isOutdated = typeof wanted === "string" && started !== undefined && started !== wanted;
  return isOutdated && wasNeverReady(pod) ? "its template changed before it was ready" : undefined;
}
