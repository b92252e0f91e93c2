import {
  messageOf,
  type Condition,
  type ConditionType,
  type CullingReason,
  type JupyterServer,
  type ReasonWithValues,
} from "@amalthea/api";
import { kubernetesTime } from "../values/time.ts";
import { first, type Cull } from "./cull.ts";
import type { CullingSettings } from "./culling-settings.ts";
import type { IdleLimit, Question } from "./idle.ts";

// What people are told of limits. The status remembers it: a new process does not take back what it has not asked about.

type Pending = { readonly idle: IdleLimit; readonly server: JupyterServer; readonly now: Date };

/** The first hibernation that people are to be told of; of an idle limit only a server is warned that said that it is idle. */
export function pendingOf(culls: readonly Cull[], { idle, server, now }: Pending): readonly ReasonWithValues[] {
  const isNear = ({ reason, kind, warnAt }: Cull): boolean =>
    kind === "Hibernate" && (reason === "Idle" ? isIdlePending(idle, server) : warnAt <= now);
  const next = first(culls.filter(isNear));
  if (next === undefined) return [];
  return [{ reason: "LimitNear", values: warning(next.reason, next.at) }];
}

function warning(limit: CullingReason, at: Date): { readonly limit: CullingReason; readonly at: string } {
  return { limit, at: kubernetesTime(at) };
}

/** A warning that was given holds until the server answers the next question: also that of another process. */
function isIdlePending(idle: IdleLimit, server: JupyterServer): boolean {
  if (idle.kind === "Unconfirmed") {
    const isOpen = idle.question.kind === "Ask" && idle.question.unknown === undefined;
    return isOpen && told(server, "HibernationPending")?.message === messageOf("LimitNear", warning("Idle", idle.at));
  }
  return idle.kind === "Pending" || idle.kind === "Reached";
}

export type Unknown = {
  readonly whys: readonly ReasonWithValues[];
  /** When it is to be told. */
  readonly from: Date | undefined;
};

/** Once told, it holds until the server answers: another process has only not asked yet. */
export function unknownOf(
  question: Question | undefined,
  server: JupyterServer,
  { unknownAfterSeconds }: CullingSettings,
  now: Date,
): Unknown {
  if (question === undefined) return { whys: [], from: undefined };
  const before = told(server, "ActivityUnknown");
  const detail = question.unknown?.why ?? (before && detailIn(before));
  const from = question.unknown && new Date(question.unknown.since.getTime() + unknownAfterSeconds * 1000);
  const isDue = before !== undefined || (from !== undefined && from <= now);
  return { whys: isDue && detail !== undefined ? [unreadable(detail)] : [], from };
}

function unreadable(detail: string): ReasonWithValues {
  return { reason: "ActivityUnreadable", values: { detail } };
}

function detailIn({ message }: Condition): string | undefined {
  const [head = "", tail = ""] = messageOf("ActivityUnreadable", { detail: "|" }).split("|");
  return message.startsWith(head) && message.endsWith(tail) ? message.slice(head.length, -tail.length) : undefined;
}

/** A condition as the status has it. */
function told({ status }: JupyterServer, wanted: ConditionType): Condition | undefined {
  return status?.conditions?.find(({ type, status: value }) => type === wanted && value === "True");
}
