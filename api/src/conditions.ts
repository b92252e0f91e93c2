import type { Condition } from "./jupyter-server-status.ts";
import { REASONS, type ConditionType, type Reason, type ReasonValues } from "./reasons.ts";

/**
 * Types of the conditions in a server's status. `Reconciling` and `Stalled` follow kstatus: they are there only while they
 * are true. So are `Hibernated`, `UpdatePending` and the warnings. `Ready` is always there but on a hibernated server, which
 * has what its spec says: kstatus takes everything that is not ready for something that is on its way.
 */
export const CONDITION_TYPES: readonly ConditionType[] = [
  "Ready",
  "Hibernated",
  "Reconciling",
  "Stalled",
  "UpdatePending",
  "AccessWarning",
  "RouteWarning",
  "PatchWarning",
  "StorageWarning",
  "PolicyWarning",
  "ActivityUnknown",
  "CullingPrevented",
  "HibernationPending",
  "DeletionPending",
];

/** What each type says when it is true. */
export const CONDITION_MEANINGS: Readonly<Record<ConditionType, string>> = {
  Ready: "The pod is ready and the route to it exists: the server can be opened at `status.url`.",
  Hibernated: "The pod is gone because the spec says so; there is no condition `Ready` meanwhile.",
  Reconciling: "The server is progressing towards its spec; nobody has to do anything.",
  Stalled: "The server, or a part of it, does not reach its spec until a person changes something.",
  UpdatePending:
    "The running pod was started with other settings than those in the spec; they apply at its next start.",
  AccessWarning: "The server works, but its access control is probably not what was intended.",
  RouteWarning: "The server runs, but requests for its address may not reach it.",
  PatchWarning: "The server works, but a patch is not applied in full.",
  StorageWarning: "The server works, but files were lost or will be lost.",
  PolicyWarning: "The server works, but something that it has or requests is not allowed.",
  ActivityUnknown: "Whether the server is idle is not known; it is kept.",
  HibernationPending: "The server will be hibernated soon.",
  DeletionPending: "The server will be deleted soon.",
  CullingPrevented: "Limits of the server are not enforced.",
};

/** A reason and what is particular to the case, as `messageOf` takes them. */
export type ReasonWithValues = {
  readonly [R in Reason]: { readonly reason: R; readonly values: ReasonValues[R] };
}[Reason];

/**
 * Most characters of a message. The API server takes 32768, but a status is read by people and stored once per server,
 * and the text of a kubelet or of an admission webhook can have any length.
 */
export const MAX_MESSAGE_LENGTH = 1024;

/** The sentence for the user, then what to do about it. */
export function messageOf<R extends Reason>(reason: R, values: ReasonValues[R]): string {
  const { sentence, remedy } = REASONS[reason];
  const text = remedy === "" ? sentence(values) : `${sentence(values)} ${remedy}`;
  return shortened(text);
}

/** A text as a message can hold it. */
export function shortened(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH ? text : text.slice(0, MAX_MESSAGE_LENGTH - 1) + "…";
}

/**
 * A condition with its time of transition kept from the previous one of its type when the status is the same.
 *
 * @param now ISO 8601 with seconds, used when the status changes.
 */
export function condition<R extends Reason>(
  type: ConditionType,
  status: Condition["status"],
  reason: R,
  values: ReasonValues[R],
  context: ConditionContext,
): Condition {
  const before = context.previous?.find((candidate) => candidate.type === type);
  return {
    type,
    status,
    reason,
    message: messageOf(reason, values),
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : context.now,
    observedGeneration: context.generation,
  };
}

/** What the conditions of one reconcile share. */
export type ConditionContext = {
  /** ISO 8601, seconds. */
  readonly now: string;
  readonly generation: number;
  /** `status.conditions` as they are. */
  readonly previous: readonly Condition[] | undefined;
};
