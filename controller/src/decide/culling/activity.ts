import type { ActivityReport, ActivitySign } from "@amalthea/api";
import type { ObservedActivity } from "../live/activity.ts";
import type { CullingSettings } from "./culling-settings.ts";

/** Summary of a report: signs of current use, and for how long nothing has happened. */
export type Activity = {
  readonly now: readonly ActivitySign[];
  /** Infinity if nothing is known to have happened. */
  readonly quietSeconds: number;
  /** What happened last; undefined if nothing is known to have. */
  readonly last: ActivitySign | undefined;
};

/** Jupyter counts the use of kernels as requests, too, and tells its time to the second. */
const SAME_SECONDS = 2;

/** What an administrator says of it. */
export type ActivitySettings = Pick<CullingSettings, "openTabsAreActivity" | "cpuUsageMillicoresIdleThreshold">;

/** What of a report counts as activity; docs/guide/idle.md has the table. */
export function activityIn(
  { kernels, terminals, requests, proxy, cpuMillicores = 0 }: ActivityReport,
  { openTabsAreActivity, cpuUsageMillicoresIdleThreshold: idleCpu }: ActivitySettings,
): Activity {
  const openTabs = kernels.connections + (proxy?.openWebSockets ?? 0);
  // Jupyter does not distinguish the requests of a merely open tab from others.
  const ofRequests = openTabsAreActivity ? requests?.quietSeconds : undefined;
  const ages = [
    { sign: "KernelUsed" as const, age: kernels.quietSeconds },
    { sign: "TerminalUsed" as const, age: terminals.quietSeconds },
    { sign: "PageUsed" as const, age: proxy?.quietSeconds },
    { sign: "RequestServed" as const, age: ofRequests },
  ].map(({ sign, age = Number.POSITIVE_INFINITY }) => ({ sign, age }));
  const quietSeconds = Math.min(...ages.map(({ age }) => age));
  return {
    now: [
      ...(kernels.busy > 0 ? ["KernelBusy" as const] : []),
      ...(openTabsAreActivity && openTabs > 0 ? ["TabOpen" as const] : []),
      ...(idleCpu > 0 && cpuMillicores > idleCpu ? ["CpuUsed" as const] : []),
    ],
    quietSeconds,
    last: ages.find(({ age }) => Number.isFinite(age) && age <= quietSeconds + SAME_SECONDS)?.sign,
  };
}

/** When something last happened, and what. */
export type LastActivity = { readonly at: Date; readonly by: ActivitySign | undefined };

/** The latest activity in a response; undefined if there was none. */
export function lastActivityIn(
  { at, report }: Pick<Extract<ObservedActivity, { kind: "Answered" }>, "at" | "report">,
  settings: ActivitySettings,
): LastActivity | undefined {
  const { now, quietSeconds, last } = activityIn(report, settings);
  if (now.length > 0) return { at, by: now[0] };
  const time = at.getTime() - quietSeconds * 1000;
  return time > 0 ? { at: new Date(time), by: last } : undefined;
}
