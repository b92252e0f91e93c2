import { messageOf, type JupyterServerStatus, type ReasonWithValues, type ServerState } from "@amalthea/api";
import { stallsOf, type Stall } from "./reasons.ts";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import { podRefusal } from "./pod/events.ts";
import { podState, type PodState } from "./pod/state.ts";
import type { DecisionSettings } from "../settings.ts";
import { routeChildren, servesRoute } from "../live/routes.ts";

/** How the server is, before it is put into conditions. */
export type Verdict = {
  readonly state: ServerState;
  readonly ready: { readonly status: "True" | "False" | "Unknown"; readonly why: ReasonWithValues };
  /** Something is under way that needs nobody. */
  readonly reconciling: ReasonWithValues | undefined;
  readonly stalled: readonly ReasonWithValues[];
  /** The failure is the same as before, as far as can be told, and an earlier reason may say more. */
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

type VerdictSettings = Pick<
  DecisionSettings,
  "unschedulableGraceSeconds" | "initContainerRestartLimit" | "containerRestartLimit"
>;

/**
 * The state machine: deletion wins, then hibernation, then failure as it is now, then readiness, else it is starting.
 */
export function verdictOf(observed: Observed, facts: PlanFacts, settings: VerdictSettings, now: Date): Verdict {
  const stalls = stallsOf(observed, facts);
  const input = { observed, facts, stalls, graceSeconds: settings.unschedulableGraceSeconds, now };
  if (observed.server.metadata.deletionTimestamp !== undefined) {
    return { ...onItsWay("stopping", { reason: "Deleting", values: {} }), stalled: [] };
  }
  const pod = podState(observed, settings);
  const verdict = observed.server.spec.jupyterServer.hibernated ? hibernated(pod) : awake(pod, input);
  return { ...verdict, stalled: [...stalls.map(({ why }) => why), ...verdict.stalled] };
}

function hibernated(pod: PodState): Verdict {
  if (pod.kind !== "Absent") return onItsWay("hibernated", { reason: "Hibernating", values: {} });
  return {
    ...onItsWay("hibernated", { reason: "Hibernated", values: {} }),
    reconciling: undefined,
  };
}

function awake(pod: PodState, input: VerdictInput): Verdict {
  const { observed, facts, stalls, now } = input;
  // The pod is being replaced, whatever its state; a stall would keep it.
  if (facts.restarting && prevented(stalls) === undefined) return starting({ reason: "Restarting", values: {} });
  switch (pod.kind) {
    case "Ready":
      return withReadyPod(input);
    case "Failing":
      return failed(pod.why, pod.vague);
    case "Waiting":
      return waiting(pod, input);
    case "Passing":
      return starting(pod.why);
    case "Absent": {
      const refusal = refusalNow(observed, now);
      if (refusal !== undefined) return failed(refusal);
      return prevented(stalls) ?? starting(absenceReason(observed));
    }
    case "Stopping":
      return starting(
        wasReadyReason(observed, ["Restarting"])
          ? { reason: "Restarting", values: {} }
          : { reason: "Starting", values: { detail: "its previous pod is shutting down" } },
      );
    case "NodeLost":
      return { ...starting(pod.why), ready: { status: "Unknown", why: pod.why } };
    case "Progressing":
      return starting(progressReason(pod, observed));
  }
}

function withReadyPod({ observed, facts, stalls }: VerdictInput): Verdict {
  const barrier = stalls.find(({ preventsRoute }) => preventsRoute);
  if (facts.route !== undefined && barrier === undefined && isRouted(observed, facts)) {
    const why: ReasonWithValues = { reason: "PodReady", values: { url: facts.route.url } };
    return { ...onItsWay("running", why), ready: { status: "True", why }, reconciling: undefined };
  }
  return prevented(barrier === undefined ? stalls : [barrier]) ?? starting({ reason: "RoutePending", values: {} });
}

function waiting(pod: Extract<PodState, { kind: "Waiting" }>, input: VerdictInput): Verdict {
  const { stalls, graceSeconds, now } = input;
  const remaining = graceSeconds - (now.getTime() - pod.since.getTime()) / 1000;
  if (remaining <= 0) return failed(pod.lasting);
  return { ...(prevented(stalls) ?? starting(pod.why)), changesInSeconds: Math.ceil(remaining) };
}

/** The failure of a server that something other than its pod keeps from being up. */
function prevented(stalls: readonly Stall[]): Verdict | undefined {
  const stall = stalls.find(({ preventsStart, preventsRoute }) => preventsStart || preventsRoute);
  return stall === undefined ? undefined : { ...failed(stall.why), stalled: [] };
}

function absenceReason(observed: Observed): ReasonWithValues {
  if (wasReadyReason(observed, ["Restarting"])) return { reason: "Restarting", values: {} };
  const wasHibernated = observed.server.status?.state === "hibernated" || wasReadyReason(observed, ["Resuming"]);
  return wasHibernated ? { reason: "Resuming", values: {} } : { reason: "PodMissing", values: {} };
}

/** A container that answered before and does so no longer is another matter than one that starts. */
function progressReason(pod: Extract<PodState, { kind: "Progressing" }>, observed: Observed): ReasonWithValues {
  if (pod.unready === undefined) return pod.why;
  const answered = observed.server.status?.state === "running" || wasReadyReason(observed, ["NotReady"]);
  return answered ? { reason: "NotReady", values: { container: pod.unready } } : pod.why;
}

/**
 * Why the StatefulSet cannot make the pod. Events of an earlier start of the server are not about this one; a server that
 * failed because of an older event stays failed for it until there is a newer one, or a pod.
 */
function refusalNow(observed: Observed, now: Date): ReasonWithValues | undefined {
  const { state, startingSince, failedSince, conditions } = observed.server.status ?? {};
  switch (state) {
    case "starting":
      return podRefusal(observed, new Date(startingSince ?? 0));
    case "failed": {
      const known = podRefusal(observed, new Date(0));
      const told = conditions?.find(({ type }) => type === "Ready")?.message;
      const isToldAlready = known !== undefined && told === messageOf(known.reason, known.values);
      return isToldAlready ? known : podRefusal(observed, new Date(failedSince ?? 0));
    }
    case undefined:
      return podRefusal(observed, new Date(observed.server.metadata.creationTimestamp));
    default:
      return podRefusal(observed, now);
  }
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
function isRouted(observed: Observed, { route, desiredIngressSettled }: PlanFacts): boolean {
  if (route === undefined) return false;
  return desiredIngressSettled || routeChildren(observed).some((child) => servesRoute(child, route));
}
