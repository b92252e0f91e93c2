import type { Culling, CullingReason } from "@amalthea/api";
import type { CullingSettings } from "./culling-settings.ts";

/** Who set a limit: the server's spec, or an administrator, as a default or for all servers. */
export type LimitSource = "Server" | "Default" | "Maximum";

/** A limit that is reached at `at`, and what is done then. */
export type Cull = {
  readonly reason: CullingReason;
  readonly kind: "Hibernate" | "Delete";
  readonly at: Date;
  readonly setBy: LimitSource;
  /** When it is announced that it will be reached. */
  readonly warnAt: Date;
};

/** Key under which the API server's refusal of a cull is remembered, like those of children. */
export const CULLING_KEY = "culling";

/** The one that is reached first. */
export function first(culls: readonly Cull[]): Cull | undefined {
  return culls.toSorted((a, b) => a.at.getTime() - b.at.getTime())[0];
}

/** Field of `spec.culling` that sets a limit. */
export const LIMIT_FIELDS: Readonly<Record<CullingReason, Exclude<keyof Culling, "keepAliveUntil">>> = {
  Idle: "idleSecondsThreshold",
  MaximumAge: "maxAgeSecondsThreshold",
  Starting: "startingSecondsThreshold",
  Failed: "failedSecondsThreshold",
  Hibernated: "hibernatedSecondsThreshold",
};

/** A spec without limits. */
export const NO_CULLING: Culling = {
  idleSecondsThreshold: 0,
  maxAgeSecondsThreshold: 0,
  startingSecondsThreshold: 0,
  failedSecondsThreshold: 0,
  hibernatedSecondsThreshold: 0,
};

/** When a limit is reached, and who set it. */
export type Deadline = Pick<Cull, "at" | "setBy">;

/** The deadline of a limit that counts from `since`; undefined without such a limit. */
export function deadlineOf(
  reason: CullingReason,
  since: Date,
  culling: Culling,
  { defaults, maximums }: Pick<CullingSettings, "defaults" | "maximums">,
): Deadline | undefined {
  const seconds = culling[LIMIT_FIELDS[reason]] || defaults[reason];
  const own = seconds === 0 ? undefined : Math.max(after(since, seconds), keepAliveUntil(culling));
  const most = maximums[reason] === 0 ? undefined : after(since, maximums[reason]);
  const isMaximum = most !== undefined && (own === undefined || most <= own);
  const at = asDate(isMaximum ? most : own);
  if (at === undefined) return undefined;
  return { at, setBy: isMaximum ? "Maximum" : culling[LIMIT_FIELDS[reason]] > 0 ? "Server" : "Default" };
}

/** Whether the server itself asks for a limit. */
export function hasOwnLimit(culling: Culling): boolean {
  return Object.values(LIMIT_FIELDS).some((field) => culling[field] > 0);
}

/** Milliseconds; minus infinity without one. An invalid time keeps the server, too. */
function keepAliveUntil(culling: Culling): number {
  if (isKeptForUnknown(culling)) return Number.POSITIVE_INFINITY;
  const { keepAliveUntil: text = "" } = culling;
  return text === "" ? Number.NEGATIVE_INFINITY : Date.parse(text);
}

/** Whether `keepAliveUntil` cannot be read. */
export function isKeptForUnknown({ keepAliveUntil: text = "" }: Culling): boolean {
  return text !== "" && Number.isNaN(Date.parse(text));
}

function after(since: Date, seconds: number): number {
  return since.getTime() + seconds * 1000;
}

/** Latest time that a `Date` holds. */
const LAST_MS = 8_640_000_000_000_000;

/** Undefined for a time that no calendar has: it is never reached. */
function asDate(ms: number | undefined): Date | undefined {
  return ms === undefined || ms > LAST_MS ? undefined : new Date(ms);
}
