import type { Condition, JupyterServerStatus, Reason, ResourceUsage } from "@amalthea/api";
import type { Pod } from "kubernetes-types/core/v1.js";
import { containerStatusesOf } from "../live/pod.ts";
import { canonicalJson } from "../values/json.ts";
import { mergePatchBetween } from "../values/merge-patch.ts";
import { clientTime } from "../values/time.ts";
import { isUsageDue } from "./usage.ts";

/** How long details wait for further changes, so that a series of them costs one write. */
const SETTLE_SECONDS = 5;

/**
 * The same while the server is starting and clients already know its pod: the next transition includes the details. A
 * new server thus costs two or three writes, however long its image takes.
 */
const SETTLE_ON_THE_WAY_SECONDS = 30;

/**
 * The same for a server that failed and whose pod clients know: longer than the five minutes that the kubelet waits at
 * most between two attempts, so that a crash loop does not cost writes for ever.
 */
const SETTLE_FAILED_SECONDS = 600;

/** Even if they never settle, details of a failed server (how often it crashed) are no older than this. */
const LONGEST_FAILED_SECONDS = 3600;

/** Reasons that every start goes through. Any other reason to wait (no node, no volume, a crash) matters to the user. */
const PLAIN_PROGRESS: ReadonlySet<string> = new Set<Reason>([
  "PodMissing",
  "Starting",
  "RoutePending",
  "Resuming",
  "Restarting",
  "Hibernating",
  "Deleting",
  "ResizeInProgress",
]);

/** The status to have now. */
export type PacedStatus = {
  readonly status: JupyterServerStatus;
  /** Seconds until details that were held back are due. */
  readonly dueInSeconds: number | undefined;
};

/**
 * Lets a transition through at once and with all details; holds back details that changed alone (mirrored objects, states
 * of containers, wording, what a starting server waits for) until they have been quiet for a while.
 */
export function paced(
  previous: JupyterServerStatus | undefined,
  fresh: JupyterServerStatus,
  pod: Pod | undefined,
  now: Date,
): PacedStatus {
  const refreshed = { ...fresh, refreshedAt: clientTime(now) };
  if (previous?.refreshedAt === undefined || transitionKey(previous) !== transitionKey(fresh)) {
    return { status: refreshed, dueInSeconds: undefined };
  }
  // What the write itself would leave out, such as a null of 0.24, is no reason to write.
  const sameUsage = withUsage(fresh, previous.mainPod?.resourceUsage);
  if (mergePatchBetween(previous, { ...sameUsage, refreshedAt: previous.refreshedAt }) === undefined) {
    const isDue = isUsageDue(previous, fresh.mainPod?.resourceUsage, now);
    return { status: isDue ? refreshed : previous, dueInSeconds: undefined }; // the next measurement checks again
  }
  const writtenAt = Date.parse(previous.refreshedAt);
  const secondsSince = (time: number): number => (now.getTime() - time) / 1000;
  const { settle, longest } = debounce(previous, fresh);
  const settledIn = settle - secondsSince(Math.max(writtenAt, newestChange(pod, now)));
  const dueInSeconds = Math.min(settledIn, longest - secondsSince(writtenAt));
  return dueInSeconds <= 0
    ? { status: refreshed, dueInSeconds: undefined }
    : { status: previous, dueInSeconds: Math.ceil(dueInSeconds) };
}

function withUsage(status: JupyterServerStatus, usage: ResourceUsage | undefined): JupyterServerStatus {
  if (status.mainPod === undefined) return status;
  const { resourceUsage: _, ...mainPod } = status.mainPod;
  return { ...status, mainPod: usage === undefined ? mainPod : { ...mainPod, resourceUsage: usage } };
}

/** Seconds for which details must have been quiet, and for which they wait at most. */
function debounce(
  previous: JupyterServerStatus,
  fresh: JupyterServerStatus,
): { readonly settle: number; readonly longest: number } {
  const known = previous.mainPod?.uid;
  if (fresh.state === "failed" && known !== undefined && known === fresh.mainPod?.uid) {
    return { settle: SETTLE_FAILED_SECONDS, longest: LONGEST_FAILED_SECONDS };
  }
  const { state, conditions = [] } = fresh;
  const reconciling = conditions.filter(({ type }) => type === "Reconciling");
  const isOnItsWay = state === "starting" || reconciling.length > 0;
  const isPlain = isOnItsWay && reconciling.every(({ reason }) => PLAIN_PROGRESS.has(reason)) && known !== undefined;
  return { settle: isPlain ? SETTLE_ON_THE_WAY_SECONDS : SETTLE_SECONDS, longest: Number.POSITIVE_INFINITY };
}

/** What makes a change a transition: equal keys mean that only details differ. */
function transitionKey(status: JupyterServerStatus): string {
  const { state, url, observedGeneration, conditions = [] } = status;
  return canonicalJson({ state, url, observedGeneration, conditions: conditions.map(conditionKey).toSorted() });
}

/** Why a starting server is not ready yet is a detail; why it is stalled is not. */
function conditionKey(
  { type, status, reason, observedGeneration }: Condition,
  _: number,
  all: readonly Condition[],
): string {
  const isDetail = all.some((other) => other.type === "Reconciling" && other.reason === reason);
  return `${type} ${status} ${isDetail ? "on its way" : reason} ${observedGeneration ?? ""}`;
}

/** Newest time in the pod's status that is not in the future: a node's clock may be wrong. */
function newestChange(pod: Pod | undefined, now: Date): number {
  const times = [
    ...(pod?.status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime),
    ...containerStatusesOf(pod).flatMap(({ state, lastState }) => [
      state?.running?.startedAt,
      state?.terminated?.finishedAt,
      lastState?.terminated?.finishedAt,
    ]),
  ];
  return times
    .map((time) => (typeof time === "string" ? Date.parse(time) : 0))
    .filter((time) => time <= now.getTime())
    .reduce((newest, time) => Math.max(newest, time), 0);
}
