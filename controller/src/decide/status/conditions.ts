import {
  condition,
  messageOf,
  shortened,
  CONDITION_TYPES,
  REASONS,
  type Condition,
  type ConditionContext,
  type ConditionType,
  type FilesLost,
  type ReasonWithValues,
} from "@amalthea/api";
import { claimDeletion } from "./claim.ts";
import { lossReason } from "./lost-files.ts";
import { sessionWarnings } from "./sessions.ts";
import { isResizing, pendingReasons, routeWarnings, warningReason } from "./reasons.ts";
import { MISSING_IMAGE_REASONS } from "./pod/image.ts";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import type { Verdict } from "./verdict.ts";
import type { CullingDecision } from "../culling/culling.ts";

/** What conditions report. */
export type Found = {
  readonly facts: PlanFacts;
  readonly verdict: Verdict;
  readonly notices: CullingDecision["notices"];
  readonly filesLost: FilesLost | undefined;
};

/** The conditions in the order of the catalogue; those that do not apply are absent. */
export function conditionList(observed: Observed, found: Found, context: ConditionContext): readonly Condition[] {
  const { verdict } = found;
  const remarks = remarksOn(observed, found);
  return CONDITION_TYPES.flatMap((type) => {
    const [first, ...others] =
      progressReasons(type, observed, found) ??
      remarks.filter(({ reason }) => REASONS[reason].conditions.includes(type));
    if (first === undefined) return [];
    const status = type === "Ready" ? verdict.ready.status : "True";
    const main = condition(type, status, first.reason, first.values, context);
    const messages = new Set([main.message, ...others.map((why) => messageOf(why.reason, why.values))]);
    const complete = { ...main, message: shortened([...messages].join(" ")) };
    return [verdict.vague ? withEarlierCause(complete, context.previous) : complete];
  });
}

/** What is reported about the server's progress towards its spec; undefined for other types. */
function progressReasons(
  type: ConditionType,
  observed: Observed,
  { facts, verdict }: Found,
): readonly ReasonWithValues[] | undefined {
  const { ready, stalled } = verdict;
  const isHibernated = ready.why.reason === "Hibernated";
  switch (type) {
    case "Ready":
    case "Hibernated":
      return isHibernated === (type === "Hibernated") ? [ready.why] : [];
    case "Reconciling":
      return reconcilingReasons(observed, facts, verdict);
    case "Stalled":
      return stalled;
    default:
      return undefined;
  }
}

/** Everything else, the most important first. Each of these reasons is of one type of condition. */
function remarksOn(observed: Observed, { facts, verdict, notices, filesLost }: Found): readonly ReasonWithValues[] {
  const deletion = claimDeletion(observed);
  return [
    // First: the reason tells the controller's next process.
    ...sessionWarnings(observed),
    ...(deletion === undefined ? [] : [deletion]),
    ...(filesLost === undefined ? [] : [lossReason(observed.server, filesLost)]),
    ...facts.warnings.map(warningReason),
    ...routeWarnings(observed),
    ...(isPodLeaving(verdict) ? [] : pendingReasons(observed, facts)),
    ...notices,
  ];
}

/** Whether the pod is to be removed in this reconcile, with or without another one in its place. */
function isPodLeaving({ state, ready }: Verdict): boolean {
  return state === "stopping" || ready.why.reason === "Restarting";
}

/** kstatus: a stalled server is not also reconciling. */
function reconcilingReasons(observed: Observed, facts: PlanFacts, verdict: Verdict): readonly ReasonWithValues[] {
  if (verdict.stalled.length > 0) return [];
  if (verdict.reconciling !== undefined) return [verdict.reconciling];
  return verdict.state === "running" && isResizing(observed, facts) ? [{ reason: "ResizeInProgress", values: {} }] : [];
}

/** Keeps the cause that an earlier text of the kubelet gave for the same image, when the present one gives none. */
function withEarlierCause(fresh: Condition, previous: readonly Condition[] | undefined): Condition {
  const before = previous?.find(({ type }) => type === fresh.type);
  const isMissingImage =
    MISSING_IMAGE_REASONS.includes(fresh.reason) && MISSING_IMAGE_REASONS.includes(before?.reason ?? "");
  if (before === undefined || !isMissingImage || imageIn(before.message) !== imageIn(fresh.message)) return fresh;
  return { ...fresh, reason: before.reason, message: before.message };
}

function imageIn(message: string): string | undefined {
  return /The image (\S+) /.exec(message)?.[1];
}
