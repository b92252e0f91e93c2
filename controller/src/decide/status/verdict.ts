import {
  messageOf,
  type Condition,
  type JupyterServerStatus,
  type ReasonWithValues,
  type Route,
  type ServerState,
} from "@amalthea/api";
import { hibernatedBy } from "../culling/hibernated-by.ts";
import { claimGrowth } from "./claim.ts";
import { leftover, stallsOf, type Stall } from "./reasons.ts";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import { podRefusal } from "./pod/events.ts";
import type { Obstacle } from "./pod/obstacle.ts";
import { podState, type PodState } from "./pod/state.ts";
import type { DecisionSettings } from "../settings.ts";
import { earliest, secondsBetween } from "../values/time.ts";
import { routeChildren, servesRoute } from "../live/routes.ts";

/** The state of the server, from which the conditions are derived. */
export type Verdict = {
  readonly state: ServerState;
  readonly ready: { readonly status: "True" | "False" | "Unknown"; readonly why: ReasonWithValues };
  /** Something is in progress and needs no action. */
  readonly reconciling: ReasonWithValues | undefined;
  readonly stalled: readonly ReasonWithValues[];
  /** The failure is the same as before, as far as is known, and an earlier reason may say more. */
  readonly vague: boolean;
  /** Seconds until time alone changes the verdict. */
  readonly changesInSeconds: number | undefined;
};

/** What a verdict follows from. */
type VerdictInput = {
  readonly observed: Observed;
  readonly facts: PlanFacts;
  readonly stalls: readonly Stall[];
  readonly graceSeconds: number;
  readonly now: Date;
};

/**
 * The state machine: deletion wins, then hibernation, then failure as it is now, then readiness, else it is starting.
 */
export function verdictOf(observed: Observed, facts: PlanFacts, settings: DecisionSettings, now: Date): Verdict {
  const stalls = stallsOf(observed, facts);
  const input = { observed, facts, stalls, graceSeconds: settings.unschedulableGraceSeconds, now };
  if (observed.server.metadata.deletionTimestamp !== undefined) {
    return { ...onItsWay("stopping", { reason: "Deleting", values: {} }), stalled: [] };
  }
  const pod = podState(observed, settings);
  const verdict = observed.server.spec.jupyterServer.hibernated ? hibernated(pod, input) : awake(pod, input);
  return withGrowth({ ...verdict, stalled: [...stalls.map(({ why }) => why), ...verdict.stalled] }, input);
}

/**
 * A volume that does not grow counts as progress during the grace period, whatever else is reported, and then as a
 * stall.
 */
function withGrowth(verdict: Verdict, { observed, graceSeconds, now }: VerdictInput): Verdict {
  const why = verdict.state === "running" ? claimGrowth(observed) : undefined;
  if (why === undefined) return verdict;
  const before = observed.server.status?.conditions?.find(({ reason }) => reason === why.reason);
  const since = before?.type === "Stalled" ? new Date(0) : new Date(before?.lastTransitionTime ?? now);
  const remaining = remainingSeconds(since, graceSeconds, now);
  return remaining === 0
    ? { ...verdict, stalled: [...verdict.stalled, why] }
    : { ...verdict, reconciling: why, changesInSeconds: earliest(verdict.changesInSeconds, remaining) };
}

function hibernated(pod: PodState, { observed, graceSeconds, now }: VerdictInput): Verdict {
  const values = hibernatedBy(observed.server) ?? {};
  if (pod.kind === "Absent") {
    return { ...onItsWay("hibernated", { reason: "Hibernated", values }), reconciling: undefined };
  }
  const hibernating = onItsWay("hibernated", { reason: "Hibernating", values });
  if (pod.kind !== "Stopping") return hibernating;
  const remaining = remainingSeconds(pod.since, graceSeconds, now);
  return remaining > 0
    ? { ...hibernating, changesInSeconds: remaining }
    : { ...hibernating, reconciling: undefined, stalled: [pod.lasting] };
}

function awake(pod: PodState, input: VerdictInput): Verdict {
  const { observed, facts, stalls } = input;
  // The pod is being replaced, whatever its state; a stall would keep it.
  if (facts.restarting && prevented(stalls) === undefined) {
    return starting({ reason: "Restarting", values: {} });
  }
  switch (pod.kind) {
    case "Ready":
      return withReadyPod(input);
    case "Failing":
      return failed(pod.why, pod.vague);
    case "Waiting":
      return waiting(pod, input);
    case "Passing":
      return starting(pod.why);
    case "Absent":
      return absent(input);
    case "Stopping":
      return stopping(pod, input);
    case "NodeLost":
      return { ...starting(pod.why), ready: { status: "Unknown", why: pod.why } };
    case "Progressing":
      return starting(progressReason(pod, observed));
  }
}

function absent(input: VerdictInput): Verdict {
  const { observed, stalls, now } = input;
  const obstacle = refusalNow(observed, now) ?? leftover(observed);
  if (obstacle?.kind === "Failing") return failed(obstacle.why);
  if (obstacle?.kind === "Waiting") return waiting(obstacle, input);
  return prevented(stalls) ?? starting(absenceReason(observed));
}

function withReadyPod({ observed, facts, stalls }: VerdictInput): Verdict {
  const barrier = stalls.find(({ preventsRoute }) => preventsRoute);
  const { route } = facts;
  if (route !== undefined && barrier === undefined && isRouted(observed, facts, route)) {
    const why: ReasonWithValues = { reason: "PodReady", values: { url: route.url } };
    return { ...onItsWay("running", why), ready: { status: "True", why }, reconciling: undefined };
  }
  return prevented(barrier === undefined ? stalls : [barrier]) ?? starting({ reason: "RoutePending", values: {} });
}

function waiting(pod: Extract<PodState, { kind: "Waiting" }>, input: VerdictInput): Verdict {
  const { stalls, graceSeconds, now } = input;
  const remaining = remainingSeconds(pod.since, graceSeconds, now);
  if (remaining <= 0) return failed(pod.lasting);
  return { ...(prevented(stalls) ?? starting(pod.why)), changesInSeconds: remaining };
}

/** Whole seconds until `seconds` after `since`; 0 if that is past. */
function remainingSeconds(since: Date, seconds: number, now: Date): number {
  return Math.max(0, Math.ceil(seconds - secondsBetween(since, now)));
}

/** A pod that terminates in time needs no reason: the kubelet and the API server need a moment after its grace period. */
const SECONDS_TO_GO = 15;

function stopping(pod: Extract<PodState, { kind: "Stopping" }>, input: VerdictInput): Verdict {
  const { observed, graceSeconds, now } = input;
  const failsIn = remainingSeconds(pod.since, Math.max(graceSeconds, SECONDS_TO_GO), now);
  if (failsIn === 0) return failed(pod.lasting);
  const lateIn = remainingSeconds(pod.since, SECONDS_TO_GO, now);
  if (lateIn === 0) return { ...starting(pod.lasting), changesInSeconds: failsIn };
  const why: ReasonWithValues = wasReadyReason(observed, ["Restarting"])
    ? { reason: "Restarting", values: {} }
    : { reason: "Starting", values: { detail: "its previous pod is shutting down" } };
  return { ...starting(why), changesInSeconds: lateIn };
}

/** The failure of a server that is down because of something other than its pod. */
function prevented(stalls: readonly Stall[]): Verdict | undefined {
  const stall = stalls.find(({ preventsStart, preventsRoute }) => preventsStart || preventsRoute);
  return stall === undefined ? undefined : { ...failed(stall.why), stalled: [] };
}

function absenceReason(observed: Observed): ReasonWithValues {
  if (wasReadyReason(observed, ["Restarting"])) return { reason: "Restarting", values: {} };
  const wasHibernated = observed.server.status?.state === "hibernated" || wasReadyReason(observed, ["Resuming"]);
  return wasHibernated ? { reason: "Resuming", values: {} } : { reason: "PodMissing", values: {} };
}

/** A container that responded before and no longer does differs from one that is starting. */
function progressReason(pod: Extract<PodState, { kind: "Progressing" }>, observed: Observed): ReasonWithValues {
  if (pod.unready === undefined) return pod.why;
  const answered = observed.server.status?.state === "running" || wasReadyReason(observed, ["NotReady"]);
  return answered ? { reason: "NotReady", values: { container: pod.unready } } : pod.why;
}

/**
 * Why the StatefulSet controller cannot create the pod. Events of an earlier start of the server are not about this
 * one; a server that failed because of an older event stays failed for it until there is a newer one, or a pod.
 */
function refusalNow(observed: Observed, now: Date): ReturnType<typeof podRefusal> {
  const { state, startingSince, failedSince, conditions } = observed.server.status ?? {};
  switch (state) {
    case "starting":
      return podRefusal(observed, new Date(startingSince ?? 0));
    case "failed": {
      const known = podRefusal(observed, new Date(0));
      const told = conditions?.find(({ type }) => type === "Ready");
      const isToldAlready = known !== undefined && isTold(known, told);
      return isToldAlready ? known : podRefusal(observed, new Date(failedSince ?? 0));
    }
    case undefined:
      return podRefusal(observed, new Date(observed.server.metadata.creationTimestamp));
    default:
      return podRefusal(observed, now);
  }
}

/** What a failing cluster says may change from one attempt to the next. */
function isTold({ kind, why }: Exclude<Obstacle, { kind: "Passing" }>, told: Condition | undefined): boolean {
  return kind === "Waiting" ? told?.reason === why.reason : told?.message === messageOf(why.reason, why.values);
}

function wasReadyReason({ server }: Observed, reasons: readonly string[]): boolean {
  const before: JupyterServerStatus["conditions"] = server.status?.conditions;
  return before?.some(({ type, reason }) => type === "Ready" && reasons.includes(reason)) ?? false;
}

function starting(why: ReasonWithValues): Verdict {
  return onItsWay("starting", why);
}

function onItsWay(state: ServerState, why: ReasonWithValues): Verdict {
  return {
    state,
    ready: { status: "False", why },
    reconciling: why,
    stalled: [],
    vague: false,
    changesInSeconds: undefined,
  };
}

function failed(why: ReasonWithValues, vague = false): Verdict {
  return { ...onItsWay("failed", why), reconciling: undefined, stalled: [why], vague };
}

/**
 * Whether requests for the server's address reach its Service. A child that leads there counts also while something else
 * about it is being changed, such as a label: a running server must not seem to be down for a moment.
 */
function isRouted(observed: Observed, { desiredRouteSettled }: PlanFacts, route: Route): boolean {
  return desiredRouteSettled || routeChildren(observed).some((child) => servesRoute(child, route));
}
