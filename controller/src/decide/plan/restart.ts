import { valueAt } from "../values/json.ts";
import { liveStatefulSet } from "../live/child.ts";
import { withoutDefaults } from "../effective-server.ts";
import type { Observed } from "../live/observed.ts";
import { requestedRestart } from "../live/restart-request.ts";
import { isUnused, wasNeverReady, type LivePod } from "../live/pod.ts";
import { SERVER_DEFAULTS, startedWithOf } from "../live/started-with.ts";

/**
 * Why the pod must be replaced; undefined if it stays.
 *
 * @param waiting Spec fields that the pod does not have yet.
 */
export function restartReason(observed: Observed, pod: LivePod, waiting: readonly string[]): string | undefined {
  const requested = requestedRestart(observed, pod);
  if (requested !== undefined) return requested;
  const changed = observed.server.spec.updatePolicy === "Restart" ? ofServer(observed, pod, waiting) : [];
  if (changed.length > 0) return `${changed.join(", ")} changed`;
  return isUnused(pod) && waiting.length > 0 ? `${waiting.join(", ")} changed while nobody could use it` : undefined;
}

/** Those of the fields that the server itself changed: its policy does not cover what administrators set for all. */
function ofServer({ server }: Observed, pod: LivePod, waiting: readonly string[]): readonly string[] {
  const hadDefaults = startedWithOf(pod)?.fields[SERVER_DEFAULTS] !== undefined;
  const { spec } = withoutDefaults(server);
  const areDefault = Object.keys(spec.jupyterServer.resources).length === 0;
  const hasDefaultResources = areDefault && (hadDefaults || server.ownSpec !== undefined);
  return waiting.filter(
    (field) => field !== SERVER_DEFAULTS && !(field === "jupyterServer.resources" && hasDefaultResources),
  );
}

/**
 * Why a pod that cannot have been used is replaced, although no spec field changed: a new version of the controller
 * writes another template, from which the StatefulSet controller would create another pod.
 */
export function outdatedBeforeReady(observed: Observed, pod: LivePod): string | undefined {
  const wanted = valueAt(liveStatefulSet(observed)?.status, "updateRevision");
  const started = pod.metadata.labels?.["controller-revision-hash"];
  const isOutdated = typeof wanted === "string" && started !== undefined && started !== wanted;
  return isOutdated && wasNeverReady(pod) ? "its template changed before it was ready" : undefined;
}
