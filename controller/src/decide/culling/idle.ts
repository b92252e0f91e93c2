import { CLIENT_ANNOTATIONS, type JupyterServer } from "@amalthea/api";
import type { ObservedActivity } from "../live/activity.ts";
import type { DecisionSettings } from "../settings.ts";
import { lastActivityIn } from "./activity.ts";
import type { CullingSettings } from "./culling-settings.ts";
import { type Deadline, deadlineOf } from "./limits.ts";
import type { Askable } from "./question.ts";
import { plus } from "../values/time.ts";

/** What is known of the idle limit of a server that runs. */
export type IdleLimit =
  | { readonly kind: "None" }
  /** It cannot be reached before `at`, and nobody has to be warned before `warnAt`. */
  | ({ readonly kind: "Later"; readonly warnAt: Date } & Deadline)
  /** The server has reported since `warnAt` that it is idle. */
  | ({ readonly kind: "Pending" } & Deadline)
  /** The server has just reported that it is reached. */
  | ({ readonly kind: "Reached" } & Deadline)
  /** It is reached, or near, by what is known, which may be too little. */
  | ({ readonly kind: "Unconfirmed"; readonly question: Question } & Deadline);

/** Whether and when the server is asked. */
export type Question = {
  readonly kind: "Ask" | "Wait" | "NotAskable";
  /** Since when the controller has had no response, and why; undefined while that is not a problem. */
  readonly unknown: { readonly since: Date; readonly why: string } | undefined;
  /** When to check again. */
  readonly again: Date | undefined;
};

/** What the idle limit follows from. */
export type IdleInput = {
  readonly server: JupyterServer;
  /** Since when people can use the server. */
  readonly readySince: Date;
  /** The latest activity in the status. */
  readonly lastActivityAt: Date | undefined;
  readonly activity: ObservedActivity;
  readonly askable: Askable;
};

type IdleSettings = Pick<DecisionSettings, "culling" | "annotationPrefix">;

/** Maximum age of a response for which a server is hibernated. */
const FRESH_SECONDS = 30;
/** An answer takes a few seconds at most; then something went wrong with the question. */
const ANSWER_SECONDS = 15;
/** Seconds between attempts that fail: doubled each time, up to the second number. */
const RETRY_SECONDS = { first: 15, most: 300 };
/** How long a server is not polled after a response that postpones its next poll by less than this. */
const PAUSE_SECONDS = 30;
/** Consecutive responses without such a pause, so that trying out a short limit takes no waiting. */
const PROMPT_ANSWERS = 10;
/** How far a client's clock may be ahead. */
const CLOCK_TOLERANCE_SECONDS = 300;

/** The idle limit: it is reached only by a fresh response of the server itself. Unknown is not idle. */
export function idleLimit(input: IdleInput, { culling, annotationPrefix }: IdleSettings, now: Date): IdleLimit {
  const activity = lastActivity(input, { culling, annotationPrefix }, now);
  const since = latest([input.readySince, activity].map((time) => time && notAfter(time, now))) ?? now;
  const deadline = deadlineOf("Idle", since, input.server.spec.culling, culling);
  if (deadline === undefined) return { kind: "None" };
  const { setBy } = deadline;
  const at = afterPause(deadline.at, input.activity, since, now);
  const warning = afterPause(warningOf(since, deadline.at, culling), input.activity, since, now);
  const warnAt = warning < at ? warning : at;
  if (warnAt > now) return { kind: "Later", at, setBy, warnAt };
  if (at <= now && isFreshSince(input.activity, at, now)) return { kind: "Reached", at, setBy };
  if (at > now && isAnsweredSince(input.activity, warnAt, now)) return { kind: "Pending", at, setBy };
  return { kind: "Unconfirmed", at, setBy, question: questionNow(input, warnAt, now) };
}

/**
 * When the server is polled if it is due at `time`. Polling it seconds after the latest activity would cost a server in
 * use a poll every few seconds, and writes of its status, for ever.
 */
function afterPause(time: Date, activity: ObservedActivity, since: Date, now: Date): Date {
  const isSoon = time < plus(since, PAUSE_SECONDS);
  if (!isSoon || activity.kind !== "Answered" || activity.answers <= PROMPT_ANSWERS) return time;
  return activity.at < time && activity.at <= now ? plus(activity.at, PAUSE_SECONDS) : time;
}

/** When somebody is warned of a limit: half of its time before it at the earliest. */
export function warningOf(since: Date, at: Date, { warnSeconds }: Pick<CullingSettings, "warnSeconds">): Date {
  return new Date(Math.max(at.getTime() - warnSeconds * 1000, (since.getTime() + at.getTime()) / 2));
}

/** The latest known activity: from the server's response, the status, or a client's heartbeat. */
export function lastActivity(
  { server, lastActivityAt, activity }: IdleInput,
  { culling, annotationPrefix }: IdleSettings,
  now: Date,
): Date | undefined {
  const answered = activity.kind === "Answered" ? lastActivityIn(activity, culling)?.at : undefined;
  const known = [lastActivityAt, answered].map((time) => time && notAfter(time, now));
  return latest([...known, heartbeat(server, annotationPrefix, now)]);
}

/** What a client wrote; a time in the future is a mistake, unless it is that of a clock that is a little fast. */
export function heartbeat(
  { metadata }: Pick<JupyterServer, "metadata">,
  annotationPrefix: string,
  now: Date,
): Date | undefined {
  const text = metadata.annotations?.[`${annotationPrefix}/${CLIENT_ANNOTATIONS.lastActivityDate}`] ?? "";
  const time = new Date(text);
  const isTooLate = time > plus(now, CLOCK_TOLERANCE_SECONDS);
  return Number.isNaN(time.getTime()) || isTooLate ? undefined : notAfter(time, now);
}

function isAnsweredSince(activity: ObservedActivity, from: Date, now: Date): boolean {
  return activity.kind === "Answered" && activity.at >= from && activity.at <= now;
}

function isFreshSince(activity: ObservedActivity, at: Date, now: Date): boolean {
  return activity.kind === "Answered" && isAnsweredSince(activity, at, now) && plus(activity.at, FRESH_SECONDS) >= now;
}

function questionNow({ askable, activity }: IdleInput, from: Date, now: Date): Question {
  if (askable.kind === "NotAskable") {
    return { kind: "NotAskable", unknown: { since: from, why: askable.why }, again: undefined };
  }
  if (activity.kind !== "Failed") return { kind: "Ask", unknown: undefined, again: plus(now, ANSWER_SECONDS) };
  const unknown = { since: activity.since, why: activity.why };
  const retryAt = plus(activity.at, retrySeconds(activity.failures));
  // An attempt in the future was timed by a clock that was set back since.
  if (retryAt <= now || activity.at > now) return { kind: "Ask", unknown, again: plus(now, ANSWER_SECONDS) };
  return { kind: "Wait", unknown, again: retryAt };
}

function retrySeconds(failures: number): number {
  return Math.min(RETRY_SECONDS.first * 2 ** (failures - 1), RETRY_SECONDS.most);
}

function latest(times: readonly (Date | undefined)[]): Date | undefined {
  const known = times.filter((time) => time !== undefined).map((time) => time.getTime());
  return known.length === 0 ? undefined : new Date(Math.max(...known));
}

function notAfter(time: Date, now: Date): Date {
  return time > now ? now : time;
}
