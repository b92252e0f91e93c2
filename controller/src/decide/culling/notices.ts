import { messageOf, type Condition, type JupyterServer, type ReasonWithValues } from "@amalthea/api";
import { trueCondition } from "../values/conditions.ts";
import { kubernetesTime, plus } from "../values/time.ts";
import { first, type Cull } from "./limits.ts";
import type { CullingSettings } from "./culling-settings.ts";
import type { IdleLimit, Question } from "./idle.ts";

// Announcements of limits. The status remembers them: a new process does not retract what it has not polled for.

type Situation = {
  readonly idle: IdleLimit;
  readonly server: JupyterServer;
  readonly settings: CullingSettings;
  readonly now: Date;
};

/** What people are to be told of first; of an idle limit only a server is warned that said that it is idle. */
export function pendingOf(
  culls: readonly Cull[],
  { idle, server, settings, now }: Situation,
): readonly ReasonWithValues[] {
  if (!settings.enforced || settings.warnSeconds === 0) return [];
  const isNear = (cull: Cull): boolean => {
    if (cull.reason !== "Idle") return cull.warnAt <= now;
    return idle.kind === "Pending" || idle.kind === "Reached" || isToldAlready(nearness(cull), { idle, server });
  };
  const next = first(culls.filter(isNear));
  return next === undefined ? [] : [nearness(next)];
}

function nearness({ reason: limit, kind, at, setBy }: Cull): ReasonWithValues {
  const values = { limit, at: kubernetesTime(at), isMaximum: setBy === "Maximum" };
  return { reason: kind === "Hibernate" ? "LimitNear" : "DeletionNear", values };
}

/** What would have been done by now if limits were enforced. */
export function notEnforcedOf(
  culls: readonly Cull[],
  { idle, server, settings, now }: Situation,
): readonly ReasonWithValues[] {
  if (settings.enforced) return [];
  const isReached = (cull: Cull): boolean => {
    if (cull.at > now || cull.reason !== "Idle") return cull.at <= now;
    return idle.kind === "Reached" || isToldAlready(omission(cull), { idle, server });
  };
  const next = first(culls.filter(isReached));
  return next === undefined ? [] : [omission(next)];
}

function omission({ reason: limit, kind, at }: Cull): ReasonWithValues {
  const done = kind === "Hibernate" ? "hibernated" : "deleted";
  return { reason: "NotEnforced", values: { limit, done, at: kubernetesTime(at) } };
}

/** What was told of an idle limit holds until the server answers the next question: also that of another process. */
function isToldAlready(why: ReasonWithValues, { idle, server }: Pick<Situation, "idle" | "server">): boolean {
  const question = idle.kind === "Unconfirmed" ? idle.question : undefined;
  const isOpen = question?.kind === "Ask" && question.unknown === undefined;
  const text = messageOf(why.reason, why.values);
  return isOpen && (server.status?.conditions?.some(({ message }) => message.includes(text)) ?? false);
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
  const before = trueCondition(server, "ActivityUnknown");
  const detail = question.unknown?.why ?? (before && detailIn(before));
  const from = question.unknown && plus(question.unknown.since, unknownAfterSeconds);
  const isDue = before !== undefined || (from !== undefined && from <= now);
  return { whys: isDue && detail !== undefined ? [{ reason: "ActivityUnreadable", values: { detail } }] : [], from };
}

function detailIn({ message }: Condition): string | undefined {
  const [head = "", tail = ""] = messageOf("ActivityUnreadable", { detail: "|" }).split("|");
  return message.startsWith(head) && message.endsWith(tail) ? message.slice(head.length, -tail.length) : undefined;
}
