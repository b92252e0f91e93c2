import type { DiskUsage, JupyterServerStatus, MainPod, ResourceUsage } from "@amalthea/api";
import type { Measurement, ObservedUsage } from "../live/usage.ts";
import { isObject, objectOf } from "../values/json.ts";

/** Usage alone is written no more often than this, however much it changes. */
const LEAST_SECONDS_BETWEEN = 300;

/** How much CPU and memory have to change to be written: by the amount, and by the share of what is shown. */
const CPU = { amount: 100, share: 0.2 } as const; // millicores
const MEMORY = { amount: 64 * 1024 * 1024, share: 0.1 } as const; // bytes

/** The same of a volume, as a share of its size. */
const DISK_SHARE = 0.01;

/** The usage to show of the pod with this uid; undefined if nothing is known. */
export function usageToShow(
  before: MainPod | undefined,
  podUid: string,
  { containers, disk }: ObservedUsage,
): ResourceUsage | undefined {
  const shown: ResourceUsage = before?.uid === podUid ? numbersIn(before.resourceUsage) : {};
  const { disk: shownDisk, ...shownContainers } = shown;
  const volume = valueOf(disk, shownDisk);
  const usage = { ...valueOf(containers, shownContainers), ...(volume === undefined ? {} : { disk: volume }) };
  return Object.keys(usage).length === 0 ? undefined : usage;
}

function valueOf<T>(measurement: Measurement<T>, shown: Partial<T> | undefined): Partial<T> | undefined {
  switch (measurement.kind) {
    case "Pending":
      return shown;
    case "Known":
      return measurement.value;
    case "Unknown":
      return undefined;
  }
}

/** What 0.24 wrote holds null where it knew nothing. */
function numbersIn(value: unknown): Readonly<Record<string, unknown>> {
  const entries = Object.entries(objectOf(value)).flatMap(([key, part]): readonly [string, unknown][] => {
    if (isObject(part)) return [[key, numbersIn(part)]];
    return typeof part === "number" ? [[key, part]] : [];
  });
  return Object.fromEntries(entries);
}

/**
 * Whether a usage that differs from what the status shows is worth a write of its own: something became known or unknown,
 * or it changed by enough and nothing was written for a while.
 */
export function isUsageDue(previous: JupyterServerStatus, usage: ResourceUsage | undefined, now: Date): boolean {
  const shown: ResourceUsage = numbersIn(previous.mainPod?.resourceUsage);
  const fresh = usage ?? {};
  const fields = ["cpuMillicores", "memoryBytes", "disk"] as const;
  if (fields.some((field) => (shown[field] === undefined) !== (fresh[field] === undefined))) return true;
  const waited = (now.getTime() - Date.parse(previous.refreshedAt ?? "")) / 1000;
  return waited >= LEAST_SECONDS_BETWEEN && isNotable(shown, fresh);
}

function isNotable(shown: ResourceUsage, fresh: ResourceUsage): boolean {
  return (
    hasChanged(shown.cpuMillicores, fresh.cpuMillicores, CPU) ||
    hasChanged(shown.memoryBytes, fresh.memoryBytes, MEMORY) ||
    hasDiskChanged(shown.disk ?? {}, fresh.disk ?? {})
  );
}

function hasChanged(shown = 0, fresh = 0, { amount, share }: typeof CPU | typeof MEMORY): boolean {
  return Math.abs(fresh - shown) >= Math.max(amount, share * shown);
}

function hasDiskChanged(shown: DiskUsage, fresh: DiskUsage): boolean {
  const step = Math.max(1, DISK_SHARE * (fresh.totalBytes ?? fresh.usedBytes ?? 0));
  const fields = ["usedBytes", "availableBytes", "totalBytes"] as const;
  return fields.some((field) => Math.abs((fresh[field] ?? 0) - (shown[field] ?? 0)) >= step);
}
