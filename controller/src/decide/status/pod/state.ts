import type { ReasonWithValues } from "@amalthea/api";
import type { ContainerStatus, PodStatus } from "kubernetes-types/core/v1.js";
import { byName, containerObstacle, isContainerOk, isSidecar, type RestartLimits } from "./container.ts";
import type { Observed } from "../../live/observed.ts";
import type { LivePod } from "../../live/pod.ts";
import { failedPostStart, setupObstacle, withMissingPullSecrets } from "./events.ts";
import { withProvider } from "./login.ts";
import { failing, type Obstacle } from "./obstacle.ts";
import { placement } from "./placement.ts";
import { neverAnswered, silentBehindProxy } from "./silence.ts";
import { detail, detailSentence } from "../text.ts";
import { trueCondition } from "../../values/conditions.ts";

/** The state of the server by its pod and the pod's events. Nothing is remembered from earlier reconciles. */
export type PodState =
  | { readonly kind: "Absent" }
  /** Being deleted; a new one may follow. `since`: from then on it should be gone, and `lasting` tells why it is not. */
  | { readonly kind: "Stopping"; readonly since: Date; readonly lasting: ReasonWithValues }
  | { readonly kind: "Ready" }
  /** Starting; `unready` names a container that runs but is not ready. */
  | { readonly kind: "Progressing"; readonly why: ReasonWithValues; readonly unready: string | undefined }
  /** It is unknown whether it still works. */
  | { readonly kind: "NodeLost"; readonly why: ReasonWithValues }
  | Obstacle;

/** Reads the pod. It counts as ready only while its `Ready` condition is true. */
export function podState(observed: Observed, limits: RestartLimits): PodState {
  const { pod } = observed;
  if (pod === undefined) return { kind: "Absent" };
  if (isNodeLost(pod)) return { kind: "NodeLost", why: { reason: "NodeLost", values: { node: nodeName(pod) } } };
  const { deletionTimestamp } = pod.metadata; // when its grace period ends
  if (deletionTimestamp !== undefined) {
    return { kind: "Stopping", since: new Date(deletionTimestamp), lasting: whyKept(pod) };
  }
  if (pod.status?.phase === "Failed") return failing(podFailure(pod.status));
  if (conditionStatus(pod, "Ready") === "True") return { kind: "Ready" };
  return placement(observed, pod) ?? containerState(observed, pod, limits);
}

/** They say how a container ended, and less than why it was killed; every other reason is why it does not start now. */
const END_REASONS: readonly string[] = ["ContainerFailed", "CrashLoop"];

function containerState(observed: Observed, pod: LivePod, limits: RestartLimits): PodState {
  const obstacle = withMissingPullSecrets(observed, pod, withProvider(pod, limits, containerObstacle(pod, limits)));
  const isEnd = obstacle === undefined || END_REASONS.includes(obstacle.why.reason);
  return (
    failedPostStart(observed, pod) ??
    (isEnd ? neverAnswered(observed, pod) : undefined) ??
    obstacle ??
    setupObstacle(observed, pod) ??
    silentBehindProxy(observed, pod) ??
    progress(pod)
  );
}

function whyKept(pod: LivePod): ReasonWithValues {
  const finalizers = pod.metadata.finalizers ?? [];
  if (finalizers.length > 0) {
    return { reason: "PodStuck", values: { detail: detail(`its finalizers are still set: ${finalizers.join(", ")}`) } };
  }
  const disruption = trueCondition(pod, "DisruptionTarget");
  if (disruption?.reason === "DeletionByTaintManager") return { reason: "NodeLost", values: { node: nodeName(pod) } };
  return { reason: "PodStuck", values: { detail: `the node ${nodeName(pod)} does not say that it has ended` } };
}

function progress(pod: LivePod): PodState {
  const unready = [...inOrder(pod), ...byName(pod.status?.containerStatuses)].find((status) => !isContainerOk(status));
  return {
    kind: "Progressing",
    why: { reason: "Starting", values: { detail: progressDetail(pod, unready) } },
    unready: unready?.state?.running === undefined || hasToEnd(pod, unready.name) ? undefined : unready.name,
  };
}

/** The init containers in the order in which they run. */
function inOrder({ spec, status }: LivePod): readonly ContainerStatus[] {
  const statuses = status?.initContainerStatuses ?? [];
  return (spec?.initContainers ?? []).flatMap(({ name }) => statuses.find((one) => one.name === name) ?? []);
}

function progressDetail(pod: LivePod, unready: ContainerStatus | undefined): string {
  if (conditionStatus(pod, "PodScheduled") !== "True") return "a node is being chosen for its pod";
  if (unready === undefined) return "its containers are being created";
  const { name, state } = unready;
  if (state?.running === undefined) return `container ${name} is being created`;
  return `container ${name} ${hasToEnd(pod, name) ? "has not ended yet" : "is running but does not respond yet"}`;
}

/** Whether a container has to end before the next one starts: an init container that is no sidecar. */
function hasToEnd(pod: LivePod, container: string): boolean {
  const isInit = pod.spec?.initContainers?.some(({ name }) => name === container) === true;
  return isInit && !isSidecar(pod, container);
}

function podFailure(status: PodStatus): ReasonWithValues {
  const text = detailSentence(status.message ?? status.reason ?? "its containers ended");
  return { reason: status.reason === "Evicted" ? "Evicted" : "PodFailed", values: { detail: text } };
}

/**
 * The control plane, not the kubelet, marks pods of a node that it does not hear from: `Ready` turns Unknown or False
 * while the kubelet's own `ContainersReady` still says what it last said.
 */
function isNodeLost(pod: LivePod): boolean {
  if (pod.status?.reason === "NodeLost" || conditionStatus(pod, "Ready") === "Unknown") return true;
  const markedByOthers =
    conditionStatus(pod, "Ready") === "False" && conditionStatus(pod, "ContainersReady") === "True";
  return markedByOthers && (pod.spec?.readinessGates ?? []).length === 0;
}

function conditionStatus(pod: LivePod, type: string): string | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type)?.status;
}

function nodeName(pod: LivePod): string {
  return pod.spec?.nodeName ?? "unknown";
}
