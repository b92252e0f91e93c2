import {
  condition,
  messageOf,
  shortened,
  CONDITION_TYPES,
  type Condition,
  type ConditionContext,
  type ConditionType,
  type FilesLost,
  type Reason,
  type ReasonWithValues,
} from "@amalthea/api";
import { claimDeletion } from "./claim.ts";
import { lossReason } from "./loss.ts";
import { routeWarnings } from "./route.ts";
import { sessionWarnings } from "./sessions.ts";
import { isResizing, pendingReasons, warningReason } from "./reasons.ts";
import { MISSING_IMAGE_REASONS } from "./pod/image.ts";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import type { Verdict } from "./verdict.ts";
import type { CullingDecision } from "../culling/culling.ts";

/** One entry of each type: what is to be said of it, the most important first. */
type Entries = Readonly<
  Record<ConditionType, { readonly status: Condition["status"]; readonly whys: readonly ReasonWithValues[] }>
>;

/** What conditions report. */
export type Found = {
  readonly facts: PlanFacts;
  readonly verdict: Verdict;
  readonly culling: Pick<CullingDecision, "activityUnknown" | "prevented" | "pending">;
  readonly filesLost: FilesLost | undefined;
};

/** The conditions in the order of the catalogue; those that do not apply are absent. */
export function conditionList(observed: Observed, found: Found, context: ConditionContext): readonly Condition[] {
  const { verdict } = found;
  const entries = entriesOf(observed, found);
  return CONDITION_TYPES.flatMap((type) => {
    const entry = entries[type];
    const [first, ...others] = entry.whys;
    if (first === undefined) return [];
    const main = condition(type, entry.status, first.reason, first.values, context);
    const complete = { ...main, message: joined([main.message, ...others.map(sentence)]) };
    return [verdict.vague ? withEarlierCause(complete, context.previous) : complete];
  });
}

function entriesOf(observed: Observed, { facts, verdict, culling, filesLost }: Found): Entries {
  const isHibernated = verdict.ready.why.reason === "Hibernated";
  const deletion = claimDeletion(observed);
  const storage = [
    ...(deletion === undefined ? [] : [deletion]),
    ...(filesLost === undefined ? [] : [lossReason(observed.server, filesLost)]),
  ];
  const warnings = [...storage.map(storageWarning), ...facts.warnings.map(warningReason)];
  const warningsOf = (type: ConditionType): Entries[ConditionType] => ({
    status: "True",
    whys: warnings.filter((warning) => warning.type === type).map(({ why }) => why),
  });
  const pendingFor = (why: Reason): Entries[ConditionType] => ({
    status: "True",
    whys: culling.pending.filter(({ reason }) => reason === why),
  });
  return {
    Ready: { status: verdict.ready.status, whys: isHibernated ? [] : [verdict.ready.why] },
    Hibernated: { status: "True", whys: isHibernated ? [verdict.ready.why] : [] },
    Reconciling: { status: "True", whys: reconcilingReasons(observed, facts, verdict) },
    Stalled: { status: "True", whys: verdict.stalled },
    UpdatePending: { status: "True", whys: verdict.state === "stopping" ? [] : pendingReasons(observed, facts) },
    // First: the reason tells the controller's next process.
    AccessWarning: { status: "True", whys: [...sessionWarnings(observed), ...warningsOf("AccessWarning").whys] },
    RouteWarning: { status: "True", whys: routeWarnings(observed) },
    PatchWarning: warningsOf("PatchWarning"),
    StorageWarning: warningsOf("StorageWarning"),
    PolicyWarning: warningsOf("PolicyWarning"),
    ActivityUnknown: { status: "True", whys: culling.activityUnknown },
    HibernationPending: pendingFor("LimitNear"),
    DeletionPending: pendingFor("DeletionNear"),
    CullingPrevented: { status: "True", whys: culling.prevented },
  };
}

function storageWarning(why: ReasonWithValues): ReturnType<typeof warningReason> {
  return { type: "StorageWarning", why };
}

/** kstatus: a server that is stalled is not also on its way. */
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

function sentence(why: ReasonWithValues): string {
  return messageOf(why.reason, why.values);
}

function joined(messages: readonly string[]): string {
  return shortened([...new Set(messages)].join(" "));
}
