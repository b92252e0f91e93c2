import type { ActivityReport } from "@amalthea/api";
import type { ObservedActivity } from "../live/activity.ts";
import type { CullingSettings } from "./culling-settings.ts";

/** A sign that somebody, or a program of theirs, uses the server now. */
export type ActiveNow = "KernelBusy" | "TabOpen" | "CpuUsed";

/** What a report says, put together: signs of use now, and for how long nothing has happened. */
export type Activity = {
  readonly now: readonly ActiveNow[];
  /** Infinity if nothing is known to have happened. */
  readonly quietSeconds: number;
};

/** What an administrator says of it. */
export type ActivitySettings = Pick<CullingSettings, "openTabsAreActivity" | "cpuUsageMillicoresIdleThreshold">;

/** What of a report counts as activity; docs/guide/idle.md has the table. */
export function activityIn(
  { kernels, terminals, requests, proxy, cpuMillicores = 0 }: ActivityReport,
  { openTabsAreActivity, cpuUsageMillicoresIdleThreshold: idleCpu }: ActivitySettings,
): Activity {
  const openTabs = kernels.connections + (proxy?.openWebSockets ?? 0);
  // Jupyter does not tell the requests of a tab that is only open from others.
  const ofRequests = openTabsAreActivity ? requests?.quietSeconds : undefined;
  const ages = [kernels.quietSeconds, terminals.quietSeconds, proxy?.quietSeconds, ofRequests];
  return {
    now: [
      ...(kernels.busy > 0 ? ["KernelBusy" as const] : []),
      ...(openTabsAreActivity && openTabs > 0 ? ["TabOpen" as const] : []),
      ...(idleCpu > 0 && cpuMillicores > idleCpu ? ["CpuUsed" as const] : []),
    ],
    quietSeconds: Math.min(...ages.map((age) => age ?? Number.POSITIVE_INFINITY)),
  };
}

/** The latest activity that an answer tells of; undefined if there was none. */
export function lastActivityIn(
  { at, report }: Pick<Extract<ObservedActivity, { kind: "Answered" }>, "at" | "report">,
  settings: ActivitySettings,
): Date | undefined {
  const { now, quietSeconds } = activityIn(report, settings);
  if (now.length > 0) return at;
  const time = at.getTime() - quietSeconds * 1000;
  return time > 0 ? new Date(time) : undefined;
}
