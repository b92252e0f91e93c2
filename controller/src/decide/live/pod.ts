import { CONTAINERS } from "@amalthea/api";
import type { ContainerStatus, PodStatus } from "kubernetes-types/core/v1.js";
import type { LiveTarget } from "../decision.ts";
import { targetOf } from "./child.ts";
import type { Observed } from "./observed.ts";

/** The pod of a server, as the API server returned it. */
export type LivePod = NonNullable<Observed["pod"]>;

/**
 * A pod that got ready and failed again cannot have done so sooner: readiness is probed every two seconds, and the
 * kubelet sets `startTime` and the first `Ready=False` in one write, with whole seconds.
 */
const SOONEST_READY_MS = 4_000;

/** The pod, unless there is none or it is terminating. */
export function activePod(observed: Observed): LivePod | undefined {
  const { pod } = observed;
  return pod === undefined || pod.metadata.deletionTimestamp !== undefined ? undefined : pod;
}

/** The statuses of all containers of a pod, init containers first. */
export function containerStatusesOf(pod: Pick<LivePod, "status"> | undefined): readonly ContainerStatus[] {
  return [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])];
}

/** The status of a container that is no init container; undefined until the kubelet reports it. */
export function containerStatus(
  pod: { readonly status?: PodStatus } | undefined,
  container: string,
): ContainerStatus | undefined {
  return pod?.status?.containerStatuses?.find(({ name }) => name === container);
}

/** Address of the pod, for an action on it. */
export function podTarget({ metadata }: LivePod): LiveTarget {
  return targetOf({ apiVersion: "v1", kind: "Pod", metadata });
}

/** Whether the pod is not in use: it never was ready, or its Jupyter server does not run, and cannot be started as it is. */
export function isUnused(pod: LivePod): boolean {
  return wasNeverReady(pod) || isUnstartable(pod);
}

/** What a container waits for that is merely being started. */
const STARTING: readonly unknown[] = [undefined, "ContainerCreating", "PodInitializing"];

/**
 * It keeps terminating, or what it or an init container needs is no longer there: an image, a Secret. Containers of a pod that
 * was ready start again after a crash, or when the node was down.
 */
function isUnstartable(pod: LivePod): boolean {
  const jupyter = containerStatus(pod, CONTAINERS.jupyter);
  if (jupyter?.state?.waiting === undefined) return false;
  const statuses = [jupyter, ...(pod.status?.initContainerStatuses ?? [])];
  return statuses.some(({ state }) => !STARTING.includes(state?.waiting?.reason));
}

/** Whether the pod cannot have been used yet, so that nothing is lost with it. */
export function wasNeverReady({ status }: Pick<LivePod, "status">): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready === undefined) return true; // no kubelet has reported it yet
  if (ready.status !== "False" || ready.lastTransitionTime === undefined) return false;
  if (status?.startTime === undefined) return true;
  return Date.parse(ready.lastTransitionTime) - Date.parse(status.startTime) < SOONEST_READY_MS;
}
