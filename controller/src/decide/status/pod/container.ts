import { CONTAINERS, EMPTY_TOKEN_EXIT_CODE, type ReasonWithValues } from "@amalthea/api";
import type {
  ContainerStateTerminated,
  ContainerStateWaiting,
  ContainerStatus,
  Pod,
} from "kubernetes-types/core/v1.js";
import type { DecisionSettings } from "../../settings.ts";
import { imageObstacle, imageWaitedFor, isImageReason } from "./image.ts";
import { failing, type Obstacle } from "./obstacle.ts";
import { detail } from "../text.ts";

/** How often a container may be restarted before a crashing one counts as failed. */
export type RestartLimits = Pick<DecisionSettings, "initContainerRestartLimit" | "containerRestartLimit">;

/**
 * A run this long resets the kubelet's crash back-off, so a crash after it is no loop.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
 */
const STEADY_RUN_SECONDS = 600;

/** Messages about transient problems that the kubelet reports like permanent ones. */
const PASSING_MESSAGE = /failed to sync \S+ cache|context deadline exceeded|is reserved for|context canceled/i;

/**
 * What keeps the containers from being ready: of several the one that fails the pod, then init containers before others,
 * then by name. Only the current state counts: a ready container is no obstacle, however often it was restarted.
 */
export function containerObstacle(pod: Pod, limits: RestartLimits): Obstacle | undefined {
  const initLimit = initRestartLimit(pod, limits);
  const obstacle = (status: ContainerStatus, limit: number): Obstacle | undefined =>
    obstacleOf({ ...status, image: imageWaitedFor(pod, status) }, limit);
  const obstacles = [
    ...byName(pod.status?.initContainerStatuses).map((status) => obstacle(status, initLimit(status))),
    ...byName(pod.status?.containerStatuses).map((status) => obstacle(status, limits.containerRestartLimit)),
  ].filter((obstacle) => obstacle !== undefined);
  return obstacles.find(({ kind }) => kind === "Failing") ?? obstacles[0];
}

/** Containers in an order that does not depend on how the kubelet lists them. */
export function byName(statuses: readonly ContainerStatus[] | undefined): readonly ContainerStatus[] {
  return (statuses ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** How often an init container may be restarted: one that runs beside the regular ones, as often as those. */
export function initRestartLimit(pod: Pod, limits: RestartLimits): (status: ContainerStatus) => number {
  return ({ name }) => (isSidecar(pod, name) ? limits.containerRestartLimit : limits.initContainerRestartLimit);
}

/** Whether an init container runs beside the regular ones for the whole life of the pod. */
export function isSidecar({ spec }: Pod, container: string): boolean {
  return spec?.initContainers?.find(({ name }) => name === container)?.restartPolicy === "Always";
}

/** How a container ended last; undefined if it never did. */
export function lastEnd({ state, lastState }: ContainerStatus): ContainerStateTerminated | undefined {
  return state?.terminated ?? lastState?.terminated;
}

/** Whether a container is done or does its work. */
export function isContainerOk(status: ContainerStatus): boolean {
  return status.ready && (status.state?.running !== undefined || status.state?.terminated?.exitCode === 0);
}

/** What keeps one container from being ready; undefined while it is ready or simply starting. */
export function obstacleOf(status: ContainerStatus, restartLimit: number): Obstacle | undefined {
  if (isContainerOk(status)) return undefined;
  const waiting = status.state?.waiting;
  return (waiting && waitingObstacle(status, waiting)) ?? crashObstacle(status, restartLimit);
}

function waitingObstacle({ name, image }: ContainerStatus, waiting: ContainerStateWaiting): Obstacle | undefined {
  return isImageReason(waiting.reason) ? imageObstacle(image, waiting) : creationObstacle(name, waiting);
}

function creationObstacle(container: string, waiting: ContainerStateWaiting): Obstacle | undefined {
  const message = waiting.message ?? "";
  switch (waiting.reason) {
    case "CreateContainerConfigError":
      if (PASSING_MESSAGE.test(message)) return undefined;
      return failing(
        missingReference(message) ?? { reason: "ContainerConfigError", values: { container, detail: detail(message) } },
      );
    case "CreateContainerError":
    case "RunContainerError":
      if (PASSING_MESSAGE.test(message)) return undefined;
      return failing(startFailure(container, message));
    case "PostStartHookError":
      return failing(postStartFailure(container));
    default:
      return undefined;
  }
}

/** A Secret or ConfigMap that a text of the kubelet says is missing, or lacks a key. */
export function missingReference(message: string): ReasonWithValues | undefined {
  const [, kind, name] = /\b(secret|configmap) "([^"]+)" not found/i.exec(message) ?? [];
  if (kind !== undefined && name !== undefined) {
    return kind.toLowerCase() === "secret"
      ? { reason: "SecretMissing", values: { secret: name } }
      : { reason: "ConfigMapMissing", values: { configMap: name } };
  }
  const [, key, holder, holderName] =
    /couldn't find key (\S+) in (secret|configmap) (?:[^\s/]+\/)?([^\s,]+)/i.exec(message) ?? [];
  return key === undefined || holder === undefined || holderName === undefined
    ? undefined
    : missingKey(holder, holderName, key);
}

/** A key that a Secret or a ConfigMap does not have. */
export function missingKey(kind: string, name: string, key: string): ReasonWithValues {
  return kind.toLowerCase() === "secret"
    ? { reason: "SecretKeyMissing", values: { secret: name, key } }
    : { reason: "ConfigMapKeyMissing", values: { configMap: name, key } };
}

function crashObstacle(status: ContainerStatus, restartLimit: number): Obstacle | undefined {
  const last = lastEnd(status);
  if (last === undefined) return undefined;
  const container = status.name;
  if (last.reason === "StartError" || last.reason === "ContainerCannotRun") {
    return failing(startFailure(container, last.message ?? ""));
  }
  const loops = status.restartCount > restartLimit && ranSeconds(last) < STEADY_RUN_SECONDS;
  if (last.reason === "OOMKilled") {
    const why: ReasonWithValues = { reason: "OutOfMemory", values: { container } };
    return loops ? failing(why) : { kind: "Passing", why };
  }
  if (container === CONTAINERS.jupyter && last.exitCode === EMPTY_TOKEN_EXIT_CODE) {
    return failing({ reason: "TokenEmpty", values: {} });
  }
  // The container's own termination message is never quoted: it may be the end of its log, with a token in it.
  const exitCode = last.exitCode;
  if (loops) return failing({ reason: "CrashLoop", values: { container, exitCode, restarts: status.restartCount } });
  return exitCode === 0
    ? undefined
    : { kind: "Passing", why: { reason: "ContainerFailed", values: { container, exitCode } } };
}

/** The text is the runtime's, not the container's: it names the program that could not be started. */
function startFailure(container: string, message: string): ReasonWithValues {
  const cause = /unable to start container process: (.*)$/s.exec(message)?.[1] ?? message;
  const said = cause === "" ? "the runtime does not say why" : cause;
  return { reason: "ContainerStartFailed", values: { container, detail: detail(said) } };
}

/**
 * The handler that runs after a container's start failed, so the kubelet killed it. What the handler said is not told: it
 * may have secrets.
 */
export function postStartFailure(container: string): ReasonWithValues {
  return { reason: "ContainerStartFailed", values: { container, detail: "its handler lifecycle.postStart failed" } };
}

function ranSeconds({ startedAt, finishedAt }: ContainerStateTerminated): number {
  if (typeof startedAt !== "string" || typeof finishedAt !== "string") return 0;
  return (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
}
