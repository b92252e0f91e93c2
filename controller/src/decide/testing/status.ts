import type { Condition, JupyterServerStatus } from "@amalthea/api";
import type { Observed, ObservedFailure } from "../live/observed.ts";
import type { PlanFacts, Problem } from "../facts.ts";
import { statusOf, type StatusDecision } from "../status/status.ts";
import { aCondition, aContainer, anObserved, aPod, NOW, someFacts, someSettings, timeAgo } from "./builders.ts";

// For tests of the status: what is told, and what it is told of.

/** What the status becomes. */
export function decideStatus(observed: Partial<Observed>, facts: Partial<PlanFacts> = {}): StatusDecision {
  return statusOf(anObserved(observed), someFacts(facts), someSettings(), NOW);
}

export function conditionOf(status: JupyterServerStatus, type: string): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

/** A condition as `True PodReady`. */
export function brief(condition: Condition | undefined): string | undefined {
  return condition && `${condition.status} ${condition.reason}`;
}

/** A pod whose image can never be pulled. */
export const BROKEN_POD: NonNullable<Observed["pod"]> = aPod({
  containers: [aContainer({ state: { waiting: { reason: "InvalidImageName" } } })],
});

/** A pod that no node has had room for since so many seconds. */
export function anUnschedulablePod(seconds: number): NonNullable<Observed["pod"]> {
  const since = { message: "0/1 nodes.", lastTransitionTime: timeAgo(seconds) };
  return aPod({ conditions: [aCondition("PodScheduled", "False", since)] });
}

/** An Ingress that an admission policy does not permit. */
export const REFUSED_INGRESS: ObservedFailure = {
  childKey: "ingress",
  kind: "Ingress",
  code: 403,
  message: "hosts outside example.org are not allowed",
  desiredHash: "",
};

/** A patch that cannot be applied. */
export const FAILED_PATCH: Problem = {
  kind: "PatchFailed",
  patchIndex: 0,
  path: "/statefulset/x",
  reason: "nothing is there",
};
