import { type JupyterServer, type JupyterServerStatus, SERVER_STATES, type ServerState } from "@amalthea/api";
import type { Pod } from "kubernetes-types/core/v1.js";
import { withReadableStatus } from "../effective-server.ts";
import { trueCondition } from "../values/conditions.ts";

export type StartPhase = "pod" | "schedule" | "prepare" | "containers" | "ready" | "route";

/** Something that happens once, for metrics. */
export type Milestone =
  | { readonly kind: "StateChanged"; readonly from: ServerState | "none"; readonly to: ServerState | "deleted" }
  | { readonly kind: "Resumed" }
  | {
      readonly kind: "Started";
      readonly start: "first" | "resume" | "restart";
      readonly seconds: number;
      /** Those whose beginning and end are known; together at most `seconds`. */
      readonly phases: readonly { readonly phase: StartPhase; readonly seconds: number }[];
    }
  | { readonly kind: "RouteRefused" }
  | { readonly kind: "ResizeNotPossible" };

/** What the two statuses do not contain. */
export type StartFacts = {
  /** The one that the server has now. */
  readonly pod: Pod | undefined;
  /** It starts after a hibernation; unknown to a leader that was not leading when it began, and then assumed false. */
  readonly isResuming: boolean;
};

/**
 * What the status `next` says for the first time. The previous one is in the cluster, no matter who wrote it: a new
 * leader finds it and does not count the same again.
 */
export function milestonesBetween(
  server: JupyterServer,
  next: JupyterServerStatus,
  start: StartFacts,
  now: Date,
): readonly Milestone[] {
  const { status: previous = {} } = withReadableStatus(server);
  const from = stateIn(previous);
  const to = next.state;
  const milestones: Milestone[] = [];
  if (to !== undefined && to !== from) {
    milestones.push({ kind: "StateChanged", from, to });
    if (from === "hibernated" && to !== "stopping") milestones.push({ kind: "Resumed" });
    if (from === "starting" && to === "running") milestones.push(...startOf(previous, start, now));
  }
  if (isNew("Stalled", "RouteTaken", previous, next)) milestones.push({ kind: "RouteRefused" });
  if (isNew("UpdatePending", "ResizeNotPossible", previous, next)) milestones.push({ kind: "ResizeNotPossible" });
  return milestones;
}

/** That a server is gone. */
export function endOf(server: JupyterServer): Milestone {
  return { kind: "StateChanged", from: stateIn(withReadableStatus(server).status ?? {}), to: "deleted" };
}

/** 0.24 let everybody write anything there. */
function stateIn({ state }: JupyterServerStatus): ServerState | "none" {
  return SERVER_STATES.find((known) => known === state) ?? "none";
}

function isNew(type: string, reason: string, previous: JupyterServerStatus, next: JupyterServerStatus): boolean {
  const has = ({ conditions = [] }: JupyterServerStatus): boolean =>
    conditions.some((condition) => condition.type === type && condition.reason === reason);
  return has(next) && !has(previous);
}

/** How much earlier than `startingSince` a pod can be whose creation led to it: we saw it when it was reconciled. */
const SEEN_LATER_MS = 60_000;

function startOf(previous: JupyterServerStatus, facts: StartFacts, now: Date): readonly Milestone[] {
  const { pod } = facts;
  const begin = Date.parse(previous.startingSince ?? "");
  const start = Number.isNaN(begin) ? undefined : kindOfStart(previous, facts, begin);
  if (start === undefined) return [];
  return [{ kind: "Started", start, seconds: secondsBetween(begin, now.getTime()), phases: phasesOf(pod, begin, now) }];
}

/** Undefined of a pod that was ready before and is so again: that was an outage. */
function kindOfStart(
  { startingSince, startedAt, neverReady, mainPod }: JupyterServerStatus,
  { pod, isResuming }: StartFacts,
  begin: number,
): "first" | "resume" | "restart" | undefined {
  if (neverReady === true) return "first";
  if (startedAt === startingSince) return isResuming ? "resume" : "first";
  const isOther = pod !== undefined && (pod.metadata?.uid !== mainPod?.uid || isCreatedFor(pod, begin));
  return isOther ? "restart" : undefined;
}

/** Whether a pod was created for the start that began then. */
function isCreatedFor(pod: Pod, begin: number): boolean {
  return Date.parse(pod.metadata?.creationTimestamp ?? "") >= begin - SEEN_LATER_MS;
}

/** Each phase begins where the one before it ended; one whose end is unknown is omitted. */
function phasesOf(pod: Pod | undefined, begin: number, now: Date): Extract<Milestone, { kind: "Started" }>["phases"] {
  if (pod === undefined || !isCreatedFor(pod, begin)) return []; // it was there before
  const created = Date.parse(pod.metadata?.creationTimestamp ?? "");
  const ends: readonly (readonly [StartPhase, number])[] = [
    ["pod", created],
    ["schedule", conditionTime(pod, "PodScheduled")],
    ["prepare", conditionTime(pod, "PodReadyToStartContainers")],
    ["containers", lastContainerStart(pod)],
    ["ready", conditionTime(pod, "Ready")],
    ["route", now.getTime()],
  ];
  let from = begin;
  return ends.flatMap(([phase, end]) => {
    if (Number.isNaN(end)) return [];
    const until = Math.min(end, now.getTime());
    const seconds = secondsBetween(from, until);
    from = Math.max(from, until);
    return [{ phase, seconds }];
  });
}

function conditionTime(pod: Pod, type: string): number {
  return Date.parse(trueCondition(pod, type)?.lastTransitionTime ?? "");
}

function lastContainerStart({ status }: Pod): number {
  const times = (status?.containerStatuses ?? []).map(({ state }) => Date.parse(state?.running?.startedAt ?? ""));
  return times.length === 0 ? Number.NaN : Math.max(...times);
}

/** Clocks of nodes differ: what seems to end before it began took no time. */
function secondsBetween(from: number, to: number): number {
  return Math.max(0, to - from) / 1000;
}
