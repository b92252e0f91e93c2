import type { DiskUsage } from "@amalthea/api";
import type { ContainerUsage, Measurement, ObservedUsage, UsageSource } from "../decide/live/usage.ts";

/** Sums over all pods whose usage is known. */
export type UsageTotals = {
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
  readonly diskUsedBytes: number;
  /** Pods whose volume is filled to nine tenths or more. */
  readonly nearlyFull: number;
  /** Pods of which a value is known. */
  readonly measured: Readonly<Record<UsageSource, number>>;
};

/** The sums where nothing is measured. */
export const NO_USAGE: UsageTotals = {
  cpuMillicores: 0,
  memoryBytes: 0,
  diskUsedBytes: 0,
  nearlyFull: 0,
  measured: { MetricsApi: 0, Kubelet: 0 },
};

const NEARLY_FULL = 0.9;

/** What each pod used when it was last measured, by its uid. Nothing outlives the process: usage is measured again. */
export class UsageMemory {
  readonly #containers: AgingValues<ContainerUsage>;
  readonly #disk: AgingValues<DiskUsage>;

  /** @param maxAgeMs How long a value counts as current. A source that is not among `sources` has no values. */
  constructor(sources: readonly UsageSource[], maxAgeMs: number) {
    this.#containers = new AgingValues(sources.includes("MetricsApi") ? maxAgeMs : undefined);
    this.#disk = new AgingValues(sources.includes("Kubelet") ? maxAgeMs : undefined);
  }

  /** Measuring begins: until the first values are there, or should be, what a status shows still counts. */
  begin(nowMs: number): void {
    this.#containers.begin(nowMs);
    this.#disk.begin(nowMs);
  }

  rememberContainers(podUid: string, usage: ContainerUsage, nowMs: number): void {
    this.#containers.remember(podUid, usage, nowMs);
  }

  rememberDisk(podUid: string, usage: DiskUsage, nowMs: number): void {
    this.#disk.remember(podUid, usage, nowMs);
  }

  forget(podUid: string): void {
    this.#containers.forget(podUid);
    this.#disk.forget(podUid);
  }

  of(podUid: string, nowMs: number): ObservedUsage {
    return { containers: this.#containers.of(podUid, nowMs), disk: this.#disk.of(podUid, nowMs) };
  }

  totals(nowMs: number): UsageTotals {
    const [containers, disks] = [this.#containers.present(nowMs), this.#disk.present(nowMs)];
    return {
      cpuMillicores: sum(containers.map(({ cpuMillicores }) => cpuMillicores)),
      memoryBytes: sum(containers.map(({ memoryBytes }) => memoryBytes)),
      diskUsedBytes: sum(disks.map(({ usedBytes = 0 }) => usedBytes)),
      nearlyFull: disks.filter(isNearlyFull).length,
      measured: { MetricsApi: containers.length, Kubelet: disks.length },
    };
  }
}

function isNearlyFull({ usedBytes = 0, totalBytes = 0 }: DiskUsage): boolean {
  return totalBytes > 0 && usedBytes >= NEARLY_FULL * totalBytes;
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}

/** Values that count for a while. */
class AgingValues<T> {
  readonly #maxAgeMs: number | undefined;
  readonly #values = new Map<string, { readonly value: T; readonly atMs: number }>();
  #beganMs: number | undefined;

  constructor(maxAgeMs: number | undefined) {
    this.#maxAgeMs = maxAgeMs;
  }

  begin(nowMs: number): void {
    this.#beganMs = nowMs;
  }

  remember(key: string, value: T, nowMs: number): void {
    this.#values.set(key, { value, atMs: nowMs });
  }

  forget(key: string): void {
    this.#values.delete(key);
  }

  of(key: string, nowMs: number): Measurement<T> {
    if (this.#maxAgeMs === undefined) return { kind: "Unknown" };
    const found = this.#values.get(key);
    if (found !== undefined && nowMs - found.atMs <= this.#maxAgeMs) return { kind: "Known", value: found.value };
    const isPending = this.#beganMs === undefined || nowMs - this.#beganMs <= this.#maxAgeMs;
    return isPending ? { kind: "Pending" } : { kind: "Unknown" };
  }

  present(nowMs: number): readonly T[] {
    const maxAgeMs = this.#maxAgeMs ?? 0;
    return [...this.#values.values()].filter(({ atMs }) => nowMs - atMs <= maxAgeMs).map(({ value }) => value);
  }
}
