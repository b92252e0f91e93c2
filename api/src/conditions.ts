import type { Condition } from "./jupyter-server-status.ts";
import { CONDITION_MEANINGS, REASONS, type ConditionType, type Reason, type ReasonValues } from "./reasons.ts";

/** Types of the conditions, in the order of the status. */
export const CONDITION_TYPES: readonly ConditionType[] = Object.keys(CONDITION_MEANINGS) as ConditionType[];

/** A reason and what is particular to the case, as `messageOf` takes them. */
export type ReasonWithValues = {
  readonly [R in Reason]: { readonly reason: R; readonly values: ReasonValues[R] };
}[Reason];

/**
 * Maximum length of a message. The API server accepts 32768, but a status is read by people and stored once per server,
 * and the text of a kubelet or of an admission webhook can have any length.
 */
export const MAX_MESSAGE_LENGTH = 1024;

/** The sentence for the user, then what to do about it. */
export function messageOf<R extends Reason>(reason: R, values: ReasonValues[R]): string {
  const { sentence, remedy } = REASONS[reason];
  const text = remedy === undefined ? sentence(values) : `${sentence(values)} ${remedy}`;
  return shortened(text);
}

/** A text truncated to the maximum length of a message. */
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
