import type { DiskUsage, ResourceUsage } from "@amalthea/api";
import { CONTAINERS, VOLUMES } from "@amalthea/api";
import type { Pod } from "kubernetes-types/core/v1.js";
import { isObject, itemNamed, listOf, objectOf } from "../values/json.ts";
import { parseQuantity } from "../values/quantity.ts";

/** Where usage is measured. */
export type UsageSource = "MetricsApi" | "Kubelet";

/** Result of an attempt to read a source. Absent: the cluster has no such API, which is not a failure. */
export type UsageReadResult = "Read" | "Failed" | "Absent";

/** What the container of Jupyter uses. */
export type ContainerUsage = Required<Pick<ResourceUsage, "cpuMillicores" | "memoryBytes">>;

/** A measured value. `Pending`: not measured since measuring began, so that what was shown before still counts. */
export type Measurement<T> =
  | { readonly kind: "Pending" }
  | { readonly kind: "Known"; readonly value: T }
  /** It is not measured, or the last value is too old to be shown as current. */
  | { readonly kind: "Unknown" };

/** What the server's pod uses. */
export type ObservedUsage = {
  readonly containers: Measurement<ContainerUsage>;
  readonly disk: Measurement<DiskUsage>;
};

/** Metrics of a pod from the metrics API. */
export type PodUse = {
  /** When it was measured, by the clock of the pod's node. */
  readonly measuredAt: Date;
  /** Of all containers together. */
  readonly cpuMillicores: number;
  /** Undefined if it is not among the containers. */
  readonly jupyter: ContainerUsage | undefined;
};

const NANO = 1_000_000_000;
const NANOCORES_IN_MILLICORE = 1_000_000;

/** Reads a `PodMetrics` of the metrics API; undefined if it is none, or lacks the use of a container. */
export function podUseIn(metrics: object): PodUse | undefined {
  const { timestamp, containers } = metrics as { readonly timestamp?: unknown; readonly containers?: unknown };
  const measuredAt = new Date(String(timestamp));
  const uses = listOf(containers).map(containerUse);
  const isComplete = uses.length > 0 && uses.every((use) => use !== undefined);
  if (!isComplete || Number.isNaN(measuredAt.getTime())) return undefined;
  const jupyter = uses.find(({ name }) => name === CONTAINERS.jupyter);
  return {
    measuredAt,
    cpuMillicores: uses.reduce((sum, { cpuMillicores }) => sum + cpuMillicores, 0),
    jupyter: jupyter && {
      cpuMillicores: Math.round(jupyter.cpuMillicores),
      memoryBytes: Math.round(jupyter.memoryBytes),
    },
  };
}

function containerUse(container: unknown): (ContainerUsage & { readonly name: unknown }) | undefined {
  const { name, usage } = objectOf(container);
  const { cpu, memory } = objectOf(usage);
  const [nanocores, nanobytes] = [parseQuantity(cpu), parseQuantity(memory)];
  if (nanocores === undefined || nanobytes === undefined) return undefined;
  return { name, cpuMillicores: Number(nanocores) / NANOCORES_IN_MILLICORE, memoryBytes: Number(nanobytes) / NANO };
}

/** How old a measurement may be: metrics-server makes one every 15 seconds, and clocks of nodes differ. */
const PRESENT_SECONDS = 300;

/**
 * The metrics API knows pods by name: whether this was measured of this very pod, and not of an earlier one, and
 * lately. A metrics API whose source is gone may go on answering with what it had.
 */
export function isPresentUseOf({ measuredAt }: PodUse, { metadata, status }: Pod, now: Date): boolean {
  const isOfPod = measuredAt >= new Date(status?.startTime ?? metadata?.creationTimestamp ?? "");
  return isOfPod && now.getTime() - measuredAt.getTime() <= PRESENT_SECONDS * 1000;
}

/** A volume in the kubelet's summary, in bytes. */
export type VolumeStats = {
  readonly usedBytes?: number;
  readonly availableBytes?: number;
  readonly capacityBytes?: number;
};

/** The volume with the user's files, by the uid of its pod, in the kubelet's `/stats/summary`. */
export function workspacesIn(summary: unknown): ReadonlyMap<string, VolumeStats> {
  const entries = listOf(objectOf(summary)["pods"]).flatMap((pod): readonly [string, VolumeStats][] => {
    const { podRef, volume } = objectOf(pod);
    const { uid } = objectOf(podRef);
    const found = itemNamed(volume, VOLUMES.workspace);
    return typeof uid === "string" && isObject(found) ? [[uid, volumeStats(found)]] : [];
  });
  return new Map(entries);
}

function volumeStats(volume: Readonly<Record<string, unknown>>): VolumeStats {
  const names = ["usedBytes", "availableBytes", "capacityBytes"] as const;
  const amounts = names.map((name) => [name, volume[name]] as const);
  return Object.fromEntries(amounts.filter(([, amount]) => Number.isSafeInteger(amount) && Number(amount) >= 0));
}

/**
 * Disk usage as clients of 0.24 read it: what an emptyDir with a size limit has left is measured by that, and any other
 * volume is as large as what is used and available of it.
 */
export function diskUsageOf(
  pod: Pod,
  { usedBytes, availableBytes, capacityBytes }: VolumeStats,
): DiskUsage | undefined {
  if (usedBytes === undefined) return undefined;
  const limit = sizeLimitOf(pod);
  if (limit !== undefined) {
    return { usedBytes, availableBytes: Math.max(0, limit - usedBytes), totalBytes: limit };
  }
  if (availableBytes !== undefined) return { usedBytes, availableBytes, totalBytes: usedBytes + availableBytes };
  return capacityBytes === undefined ? { usedBytes } : { usedBytes, totalBytes: capacityBytes };
}

function sizeLimitOf({ spec }: Pod): number | undefined {
  const limit = spec?.volumes?.find(({ name }) => name === VOLUMES.workspace)?.emptyDir?.sizeLimit;
  const nanobytes = parseQuantity(limit);
  return nanobytes === undefined ? undefined : Number(nanobytes) / NANO;
}
