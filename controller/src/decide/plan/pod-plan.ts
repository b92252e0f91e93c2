import type { ServerRoutes } from "../children/child-context.ts";
import type { Desired } from "../children/desired.ts";
import { desiredReplicas } from "../children/stateful-set.ts";
import { withoutDefaults } from "../effective-server.ts";
import { liveStatefulSet, podSpecOf } from "../live/child.ts";
import type { Observed } from "../live/observed.ts";
import { activePod, isUnused, type LivePod } from "../live/pod.ts";
import { changedFields, resourcesOf, startedWithOf, type StartedWith } from "../live/started-with.ts";
import { differingFields } from "../takeover/differing-fields.ts";
import { hasOtherResources, NO_RESIZE, planResize, resizedTo, type ResizePlan } from "./resize.ts";
import { restartReason } from "./restart.ts";

/** What of the spec the pod does not have, and what follows from it. */
export type PodPlan = {
  readonly waiting: readonly string[];
  readonly resize: ResizePlan;
  readonly restartReason: string | undefined;
};

export function podPlan(observed: Observed, desired: Desired, routes: ServerRoutes): PodPlan {
  const pod = activePod(observed);
  const isWanted = desiredReplicas(observed) === 1;
  if (pod === undefined || !isWanted || desired.kind === "Unrenderable") {
    return { waiting: [], resize: NO_RESIZE, restartReason: undefined };
  }
  const before = startedWithOf(pod);
  const changed =
    before === undefined ? fieldsWaitingForMigration(observed, routes) : changedFields(before, desired.startedWith);
  const resize = resizeOf(observed, desired.startedWith.resources, pod, before);
  const waiting = resize.facts.kind === "NotPossible" ? [...changed, "jupyterServer.resources"].toSorted() : changed;
  // In the new layout it would have no route at all: only its legacy Ingress has one.
  const isKept = before === undefined && routes.isMoveRefused;
  return { waiting, resize, restartReason: isKept ? undefined : restartReason(observed, pod, waiting) };
}

/** What waits for the migration of a server in the legacy layout; a refused move does not. */
function fieldsWaitingForMigration(observed: Observed, { isMoveRefused }: ServerRoutes): readonly string[] {
  const fields = differingFields({ ...observed, server: withoutDefaults(observed.server) });
  return isMoveRefused ? fields.filter((field) => !field.startsWith("routing.")) : fields;
}

/**
 * An unused pod is replaced instead. A pod that was started with exactly these resources and has others now does not
 * need a resize: an admission webhook may have changed them, and would do so again after each restart.
 */
function resizeOf(
  observed: Observed,
  wanted: StartedWith["resources"],
  pod: LivePod,
  before: StartedWith | undefined,
): ResizePlan {
  const resized = resizedTo(pod);
  // In the legacy layout the template has the requested resources: it is not changed as long as its pod lives.
  const asked = resized ?? before?.resources ?? resourcesOf(podSpecOf(liveStatefulSet(observed)));
  const resize = planResize(pod, wanted, asked, observed.failures);
  // For a legacy pod, and for one that was resized since it started, only its live resources count.
  const isOnlySeen = before === undefined || resized !== undefined;
  const isChanged = isOnlySeen ? resize.facts.kind !== "None" : hasOtherResources(before.resources, wanted);
  if (isUnused(pod)) {
    const because = "the pod is replaced, because nobody can use it";
    return isChanged ? { facts: { kind: "NotPossible", because }, actions: [] } : NO_RESIZE;
  }
  return resize.facts.kind === "NotPossible" && !isChanged ? NO_RESIZE : resize;
}
