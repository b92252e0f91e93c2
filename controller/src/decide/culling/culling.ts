import type { CullingReason, JupyterServer, JupyterServerStatus, Reason, ReasonWithValues } from "@amalthea/api";
import { hasPreexistingVolume } from "../live/claim.ts";
import { filesNow, whatIsLost } from "../live/files.ts";
import type { Observed } from "../live/observed.ts";
import { wasNeverReady } from "../live/pod.ts";
import type { DecisionSettings } from "../settings.ts";
import { earliest, kubernetesTime } from "../values/time.ts";
import type { ActivityQuestion } from "./activity-question.ts";
import { lastActivityIn } from "./activity.ts";
import { NO_LIMITS, type CullingSettings } from "./culling-settings.ts";
import { idleLimit, lastActivity, warningOf, type IdleInput, type IdleLimit } from "./idle.ts";
import { deadlineOf, first, hasOwnLimit, isKeptForUnknown, NO_CULLING, type Cull } from "./limits.ts";
import { notEnforcedOf, pendingOf, unknownOf } from "./notices.ts";
import { askableOf } from "./question.ts";

/** What the status says about limits. */
type Shown = Pick<
  JupyterServerStatus,
  "lastActivityAt" | "lastActivityBy" | "willHibernateAt" | "willBeDeletedAt" | "cullingReason"
>;

export type CullingDecision = {
  readonly shown: Shown;
  /** A limit that is reached and enforced now. */
  readonly due: Cull | undefined;
  /** How to poll the server before an idle limit is enforced. */
  readonly question: ActivityQuestion | undefined;
  /** What is reported: why activity is unknown, why limits are not enforced, and what will happen soon. */
  readonly notices: readonly ReasonWithValues[];
  /** Seconds until time alone changes the decision. */
  readonly checkAgainSeconds: number | undefined;
};

/** The parts of a fresh status that limits count from. */
export type Since = Pick<
  JupyterServerStatus,
  "state" | "startedAt" | "neverReady" | "startingSince" | "failedSince" | "hibernatedSince"
> & {
  /** Since when `Ready` is true; undefined while it is not. */
  readonly readySince: string | undefined;
};

export type CullingInput = {
  readonly observed: Observed;
  readonly since: Since;
  /** Path that the pod was started with. */
  readonly basePath: string | undefined;
};

type Settings = Pick<DecisionSettings, "culling" | "annotationPrefix" | "policy">;

const NOTHING: CullingDecision = {
  shown: {},
  due: undefined,
  question: undefined,
  notices: [],
  checkAgainSeconds: undefined,
};

/**
 * Longest wait for a deadline: timers are monotonic, deadlines are wall-clock times, and the clock may be set while a
 * timer runs.
 */
const LONGEST_WAIT_SECONDS = 3600;

/**
 * Which limit of a server is reached next, and whether it is now. Everything counts from times in the object itself, so a
 * restart of the controller changes nothing.
 */
export function decideCulling(input: CullingInput, settings: Settings, now: Date): CullingDecision {
  const { server } = input.observed;
  if (server.metadata.deletionTimestamp !== undefined) return NOTHING;
  const all = limitsOf(input, settings, now);
  const prevented = preventionOf(input.observed, all.culls, settings.culling);
  const isPreventedBy = (why: Reason): boolean => prevented.some(({ reason }) => reason === why);
  const { idling, idle, culls } = isPreventedBy("HibernatedIsApplied") ? withoutOwn(input, all, settings, now) : all;
  const mayHibernate = !isPreventedBy("NoVolumeToKeep");
  const isPossible = ({ kind }: Cull): boolean => kind === "Delete" || mayHibernate;
  const isConfirmed = ({ reason }: Cull): boolean => reason !== "Idle" || idle.kind === "Reached";
  const possible = culls.filter(isPossible);
  const reached = first(possible.filter((cull) => cull.at <= now && isConfirmed(cull)));
  const open = mayHibernate && idle.kind === "Unconfirmed" ? idle.question : undefined;
  const isToBeAsked = open?.kind === "Ask" && reached === undefined;
  const unknown = unknownOf(open, server, settings.culling, now);
  // An idle limit that nobody can confirm is not what happens next.
  const next = unknown.whys.length === 0 ? possible : possible.filter(({ reason }) => reason !== "Idle");
  const situation = { idle, server, settings: settings.culling, now };
  return {
    shown: { ...lastActivityOf(server, idling, settings, now), ...shownOf(first(next), server.status, now) },
    due: settings.culling.enforced ? reached : undefined,
    question: isToBeAsked && idling?.askable.kind === "Askable" ? idling.askable.question : undefined,
    notices: [
      ...unknown.whys,
      ...prevented,
      ...unreadableOf(server, settings.culling),
      ...notEnforcedOf(possible, situation),
      ...pendingOf(possible, situation),
    ],
    checkAgainSeconds: secondsUntil(
      [...possible.flatMap(({ at, warnAt }) => [at, warnAt]), open?.again, unknown.from],
      now,
    ),
  };
}

type Limits = {
  readonly idling: IdleInput | undefined;
  readonly idle: IdleLimit;
  readonly culls: readonly Cull[];
};

function limitsOf(input: CullingInput, settings: Settings, now: Date): Limits {
  const idling = idleInput(input, settings, now);
  const idle: IdleLimit = idling === undefined ? { kind: "None" } : idleLimit(idling, settings, now);
  return { idling, idle, culls: [...plainLimits(input, settings.culling, now), ...idleCull(idle)] };
}

/** Anyone who may write a server can apply that it runs: only an administrator's maximums can hibernate it then. */
function withoutOwn(input: CullingInput, { culls }: Limits, settings: Settings, now: Date): Limits {
  const { observed } = input;
  const server = { ...observed.server, spec: { ...observed.server.spec, culling: NO_CULLING } };
  const culling = { ...settings.culling, defaults: NO_LIMITS };
  const most = limitsOf({ ...input, observed: { ...observed, server } }, { ...settings, culling }, now);
  const isDelete = ({ kind }: Cull): boolean => kind === "Delete";
  return { ...most, culls: [...culls.filter(isDelete), ...most.culls.filter((cull) => !isDelete(cull))] };
}

/** Deadlines that do not depend on polling. */
function plainLimits({ observed, since }: CullingInput, settings: CullingSettings, now: Date): readonly Cull[] {
  const { pod, server } = observed;
  // What never ran has nothing to keep, unless somebody gave it a volume that was there before.
  const giveUp = since.neverReady === true && !hasPreexistingVolume(observed) ? "Delete" : "Hibernate";
  const limit = (reason: CullingReason, kind: Cull["kind"], from: string | undefined): readonly Cull[] => {
    const start = timeOf(from, now);
    const deadline = deadlineOf(reason, start, server.spec.culling, settings);
    if (deadline === undefined || from === undefined) return [];
    return [{ reason, kind, ...deadline, warnAt: warningOf(start, deadline.at, settings) }];
  };
  const age = limit("MaximumAge", "Hibernate", since.startedAt);
  switch (since.state) {
    case "running":
      return age;
    case "starting":
      // Of a pod that was ready once the node may be lost for a while, and with it those of everybody else.
      return pod === undefined || wasNeverReady(pod)
        ? [...age, ...limit("Starting", giveUp, since.startingSince)]
        : age;
    case "failed":
      return [...age, ...limit("Failed", giveUp, since.failedSince)];
    case "hibernated":
      return limit("Hibernated", "Delete", since.hibernatedSince);
    default:
      return [];
  }
}

/** A time that cannot be parsed, or lies in the future because a clock was set, counts as now: nothing ends too early. */
function timeOf(text: string | undefined, now: Date): Date {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) || time > now.getTime() ? now : new Date(time);
}

/** Undefined while nobody can use the server. */
function idleInput(
  { observed, since, basePath }: CullingInput,
  { culling, policy }: Settings,
  now: Date,
): IdleInput | undefined {
  if (since.state !== "running" || since.readySince === undefined) return undefined;
  const { server, activity } = observed;
  const { lastActivityAt } = server.status ?? {};
  return {
    server,
    activity,
    readySince: usableSince(since.readySince, since.startedAt, now),
    lastActivityAt: lastActivityAt === undefined ? undefined : timeOf(lastActivityAt, now),
    askable: askableOf(observed, basePath, culling, policy),
  };
}

/** Since when people can use the server: after a resume that nobody saw, its pod may have been ready before. */
function usableSince(readySince: string, startedAt: string | undefined, now: Date): Date {
  const [ready, started] = [timeOf(readySince, now), new Date(startedAt ?? 0)];
  return started > ready && started <= now ? started : ready;
}

function idleCull(idle: IdleLimit): readonly Cull[] {
  if (idle.kind === "None") return [];
  const warnAt = idle.kind === "Later" ? idle.warnAt : idle.at;
  return [{ reason: "Idle", kind: "Hibernate", at: idle.at, setBy: idle.setBy, warnAt }];
}

/** Why limits that hibernate a server are not enforced. */
function preventionOf(
  observed: Observed,
  culls: readonly Cull[],
  { hibernateWithoutVolume }: CullingSettings,
): readonly ReasonWithValues[] {
  const hibernating = culls.filter(({ kind }) => kind === "Hibernate");
  if (hibernating.length === 0) return [];
  const limits = hibernating.map(({ reason }) => reason);
  const own = hibernating.filter(({ setBy }) => setBy !== "Maximum").map(({ reason }) => reason);
  const what = hibernateWithoutVolume ? undefined : whatIsLost(filesNow(observed));
  const { hibernatedAppliedBy: manager } = observed;
  return [
    ...(what === undefined ? [] : [{ reason: "NoVolumeToKeep", values: { limits, what } } as const]),
    ...(manager === undefined || own.length === 0
      ? []
      : [{ reason: "HibernatedIsApplied", values: { limits: own, manager } } as const]),
  ];
}

/** An administrator's maximum is enforced all the same. */
function unreadableOf(
  { spec: { culling } }: JupyterServer,
  { defaults }: CullingSettings,
): readonly ReasonWithValues[] {
  const hasLimit = hasOwnLimit(culling) || Object.values(defaults).some((seconds) => seconds > 0);
  return hasLimit && isKeptForUnknown(culling) ? [{ reason: "KeepAliveUnreadable", values: {} }] : [];
}

function lastActivityOf(
  server: JupyterServer,
  idling: IdleInput | undefined,
  settings: Settings,
  now: Date,
): Pick<Shown, "lastActivityAt" | "lastActivityBy"> {
  const { lastActivityAt: toldAt, lastActivityBy: toldBy } = server.status ?? {};
  // A heartbeat stands in the object already.
  const known = idling && lastActivity({ ...idling, server: withoutAnnotations(server) }, settings, now);
  const lastActivityAt = known === undefined ? toldAt : kubernetesTime(known);
  if (lastActivityAt === undefined) return {};
  const answered = idling?.activity.kind === "Answered" ? lastActivityIn(idling.activity, settings.culling) : undefined;
  const isAnswered = answered !== undefined && known !== undefined && answered.at >= known;
  const lastActivityBy = isAnswered ? answered.by : toldBy;
  return { lastActivityAt, ...(lastActivityBy === undefined ? {} : { lastActivityBy }) };
}

function withoutAnnotations(server: JupyterServer): JupyterServer {
  return { ...server, metadata: { ...server.metadata, annotations: {} } };
}

function shownOf(next: Cull | undefined, previous: JupyterServerStatus | undefined, now: Date): Shown {
  if (next === undefined) return {};
  const field = next.kind === "Hibernate" ? "willHibernateAt" : "willBeDeletedAt";
  const shown = next.reason === previous?.cullingReason ? previous[field] : undefined;
  return { [field]: steady(shown, next.at, now), cullingReason: next.reason };
}

/** How much of the remaining time a postponed deadline may be ahead of what is shown. */
const TOLERATED_PART = 0.1;

/**
 * Activity postpones a deadline continuously, but the status must not be written continuously: the time shown stays as
 * long as it is not much too early, and never too late.
 */
function steady(shown: string | undefined, at: Date, now: Date): string {
  const before = Date.parse(shown ?? "");
  const isEarly = before <= at.getTime();
  const isClose = at.getTime() - before < TOLERATED_PART * (before - now.getTime());
  return shown !== undefined && isEarly && isClose ? shown : kubernetesTime(at);
}

function secondsUntil(times: readonly (Date | undefined)[], now: Date): number | undefined {
  const ahead = times.filter((time) => time !== undefined && time > now).map((time) => Number(time) - now.getTime());
  if (ahead.length === 0) return undefined;
  return earliest(Math.min(...ahead) / 1000, LONGEST_WAIT_SECONDS);
}
