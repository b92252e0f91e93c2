import type { ReasonWithValues } from "@amalthea/api";
import type {
  ContainerStateTerminated,
  ContainerStateWaiting,
  ContainerStatus,
  Pod,
} from "kubernetes-types/core/v1.js";
import { imageTrouble, isImageReason } from "./image.ts";
import { detail } from "../text.ts";

/** What keeps a container from being ready. */
export type ContainerTrouble = {
  /** `Failing`: only a change mends it, or it has lasted too long. `Passing`: the kubelet tries again by itself. */
  readonly kind: "Failing" | "Passing";
  readonly why: ReasonWithValues;
  /** The kubelet says less than it said before: an earlier reason for the same image stays the better one. */
  readonly vague: boolean;
};

/** How often a container may be restarted before a crashing one counts as failed. */
export type RestartLimits = {
  readonly initContainerRestartLimit: number;
  readonly containerRestartLimit: number;
};

/**
 * A run this long resets the kubelet's crash back-off, so a crash after it is no loop.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
 */
const STEADY_RUN_SECONDS = 600;

/** Troubles that pass by themselves although the kubelet reports them like lasting ones. */
const PASSING_TROUBLE = /failed to sync \S+ cache|context deadline exceeded|is reserved for|context canceled/i;

/**
 * The trouble to tell the user: of several the one that fails the pod, then init containers before others, then by name.
 * Judged by what is the case now: a container that is ready has no trouble, however often it was restarted.
 */
export function containerTrouble(pod: Pod, limits: RestartLimits): ContainerTrouble | undefined {
  const initLimit = (status: ContainerStatus): number =>
    isSidecar(pod, status.name) ? limits.containerRestartLimit : limits.initContainerRestartLimit;
  const troubles = [
    ...byName(pod.status?.initContainerStatuses).map((status) => troubleOf(status, initLimit(status))),
    ...byName(pod.status?.containerStatuses).map((status) => troubleOf(status, limits.containerRestartLimit)),
  ].filter((trouble) => trouble !== undefined);
  return troubles.find(({ kind }) => kind === "Failing") ?? troubles[0];
}

/** Containers in an order that does not depend on how the kubelet lists them. */
export function byName(statuses: readonly ContainerStatus[] | undefined): readonly ContainerStatus[] {
  return (statuses ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether an init container runs beside the regular ones for the whole life of the pod. */
export function isSidecar(pod: Pod, container: string): boolean {
  const spec = pod.spec?.initContainers?.find(({ name }) => name === container);
  return spec?.restartPolicy === "Always";
}

/** Whether a container is done or does its work. */
export function isContainerOk(status: ContainerStatus): boolean {
  return status.ready && (status.state?.running !== undefined || status.state?.terminated?.exitCode === 0);
}

/** The trouble of one container; undefined while it is ready or simply on its way. */
export function troubleOf(status: ContainerStatus, restartLimit: number): ContainerTrouble | undefined {
  if (isContainerOk(status)) return undefined;
  const waiting = status.state?.waiting;
  if (waiting !== undefined && isImageReason(waiting.reason)) {
    return { kind: "Failing", ...imageTrouble(status.image, waiting) };
  }
  return (waiting && creationTrouble(status.name, waiting)) ?? crashTrouble(status, restartLimit);
}

function creationTrouble(container: string, waiting: ContainerStateWaiting): ContainerTrouble | undefined {
  const message = waiting.message ?? "";
  switch (waiting.reason) {
    case "CreateContainerConfigError":
      if (PASSING_TROUBLE.test(message)) return undefined;
      return failing(missingReference(message) ?? configError(container, message));
    case "CreateContainerError":
    case "RunContainerError":
    case "PostStartHookError":
      if (PASSING_TROUBLE.test(message)) return undefined;
      return failing(startFailure(container, message));
    default:
      return undefined;
  }
}

function configError(container: string, message: string): ReasonWithValues {
  return { reason: "ContainerConfigError", values: { container, detail: detail(message) } };
}

/** A Secret or ConfigMap that a text of the kubelet says is missing, or lacks a key. */
export function missingReference(message: string): ReasonWithValues | undefined {
  const found =
    /\b(secret|configmap) "([^"]+)" not found/i.exec(message) ??
    /couldn't find key \S+ in (secret|configmap) (?:[^\s/]+\/)?([^\s,]+)/i.exec(message);
  const [, kind, name] = found ?? [];
  if (kind === undefined || name === undefined) return undefined;
  return kind.toLowerCase() === "secret"
    ? { reason: "SecretMissing", values: { secret: name } }
    : { reason: "ConfigMapMissing", values: { configMap: name } };
}

function crashTrouble(status: ContainerStatus, restartLimit: number): ContainerTrouble | undefined {
  const last = status.state?.terminated ?? status.lastState?.terminated;
  if (last === undefined) return undefined;
  const container = status.name;
  if (last.reason === "StartError" || last.reason === "ContainerCannotRun") {
    return failing(startFailure(container, last.message ?? ""));
  }
  const loops = status.restartCount > restartLimit && ranSeconds(last) < STEADY_RUN_SECONDS;
  if (last.reason === "OOMKilled")
    return { ...passing({ reason: "OutOfMemory", values: { container } }), ...as(loops) };
  // The container's own termination message is never quoted: it may be the end of its log, with a token in it.
  const exitCode = last.exitCode;
  if (loops) return failing({ reason: "CrashLoop", values: { container, exitCode, restarts: status.restartCount } });
  return exitCode === 0 ? undefined : passing({ reason: "ContainerFailed", values: { container, exitCode } });
}

/** The text is the runtime's, not the container's: it tells which program could not be started. */
function startFailure(container: string, message: string): ReasonWithValues {
  const cause = /unable to start container process: (.*)$/s.exec(message)?.[1] ?? message;
  const said = cause === "" ? "the runtime does not say why" : cause;
  return { reason: "ContainerStartFailed", values: { container, detail: detail(said) } };
}

function ranSeconds({ startedAt, finishedAt }: ContainerStateTerminated): number {
  if (typeof startedAt !== "string" || typeof finishedAt !== "string") return 0;
  return (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
}

function as(failingNow: boolean): Pick<ContainerTrouble, "kind"> {
  return { kind: failingNow ? "Failing" : "Passing" };
}

function failing(why: ReasonWithValues): ContainerTrouble {
  return { kind: "Failing", why, vague: false };
}

function passing(why: ReasonWithValues): ContainerTrouble {
  return { kind: "Passing", why, vague: false };
}
