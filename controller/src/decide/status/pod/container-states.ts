import type { ContainerState, ContainerStates } from "@amalthea/api";
import type { ContainerStatus, Pod } from "kubernetes-types/core/v1.js";
import { byName, initRestartLimit, isContainerOk, obstacleOf, type RestartLimits } from "./container.ts";

/** The state of each container in one word, as clients show it; undefined without a pod. */
export function containerStates(pod: Pod | undefined, limits: RestartLimits): ContainerStates | undefined {
  if (pod === undefined) return undefined;
  return {
    init: stateByName(pod.status?.initContainerStatuses, initRestartLimit(pod, limits)),
    regular: stateByName(pod.status?.containerStatuses, () => limits.containerRestartLimit),
  };
}

/** The same containers, all waiting: what clients see of a hibernated server. */
export function allWaiting(states: ContainerStates | undefined): ContainerStates | undefined {
  if (states === undefined) return undefined;
  return { init: waitingByName(states.init), regular: waitingByName(states.regular) };
}

function waitingByName(states: Readonly<Record<string, ContainerState>> | undefined): Record<string, ContainerState> {
  return Object.fromEntries(Object.keys(states ?? {}).map((name) => [name, "waiting"]));
}

function stateByName(
  statuses: readonly ContainerStatus[] | undefined,
  limit: (status: ContainerStatus) => number,
): Record<string, ContainerState> {
  return Object.fromEntries(byName(statuses).map((status) => [status.name, stateOf(status, limit(status))]));
}

function stateOf(status: ContainerStatus, restartLimit: number): ContainerState {
  if (isContainerOk(status)) return "ready";
  if (obstacleOf(status, restartLimit)?.kind === "Failing") return "failed";
  return status.state?.running === undefined ? "waiting" : "executing";
}
