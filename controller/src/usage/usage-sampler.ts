import type { DiskUsage } from "@amalthea/api";
import { type Clock, exponentialMs, isNotFound, type Live, type Logger, untilAborted } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { type ContainerUsage, diskUsageOf, type UsageReadResult, type UsageSource } from "../decide/live/usage.ts";
import type { Kubelets, PodsByNode } from "./kubelets.ts";
import type { PodMetrics } from "./pod-metrics.ts";

export type UsageSamplerOptions = {
  readonly intervalMs: number;
  /** Those of servers. */
  readonly pods: () => readonly Live<Pod>[];
  /** Undefined: CPU and memory are not measured. */
  readonly podMetrics: Pick<PodMetrics, "refresh" | "lastOf"> | undefined;
  /** Undefined: disks are not measured. */
  readonly kubelets: Pick<Kubelets, "read"> | undefined;
  /** @param atMs When it was read (monotonic). */
  readonly onContainers: (podUid: string, usage: ContainerUsage, atMs: number) => void;
  readonly onDisk: (podUid: string, usage: DiskUsage, atMs: number) => void;
  /** After each attempt to read a source; the kubelets are as many as there are nodes. */
  readonly onRead: (source: UsageSource, result: UsageReadResult) => void;
  /** In each interval, also one without a reading: values have become known, or too old. */
  readonly onRound: () => Promise<void> | void;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** A source that could not be read is retried after an interval, then with back-off, up to this or an interval. */
const LAST_RETRY_MS = 120_000;

/** Measures the usage of servers' pods, outside of the reconciles. A slow or missing source does not delay the others. */
export class UsageSampler {
  readonly #options: UsageSamplerOptions;
  /** What could not be read in the last round, by source. */
  readonly #failing = { MetricsApi: new Set<string>(), Kubelet: new Set<string>() };

  constructor(options: UsageSamplerOptions) {
    this.#options = options;
  }

  /** Measures until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { podMetrics, kubelets } = this.#options;
    await Promise.all([
      untilAborted(signal),
      podMetrics === undefined ? undefined : this.#repeat(() => this.#readMetrics(podMetrics, signal), signal),
      kubelets === undefined ? undefined : this.#repeat(() => this.#readKubelets(kubelets, signal), signal),
    ]);
  }

  /**
   * @param read Whether the source is to be asked again after an interval: it is there, or saying no costs nobody
   * anything.
   */
  async #repeat(read: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, onRound } = this.#options;
    const mostMs = Math.max(intervalMs, LAST_RETRY_MS);
    for (let failures = 0; !signal.aborted;) {
      failures = (await read()) ? 0 : failures + 1;
      const pauseMs = exponentialMs(intervalMs, mostMs, Math.max(1, failures));
      for (let pausedMs = 0; pausedMs < pauseMs; pausedMs += intervalMs) {
        await onRound();
        await clock.sleep(Math.min(intervalMs, pauseMs - pausedMs), signal);
      }
    }
  }

  async #readMetrics(podMetrics: Pick<PodMetrics, "refresh" | "lastOf">, signal: AbortSignal): Promise<boolean> {
    const { pods, onContainers } = this.#options;
    const error = await failureOf(podMetrics.refresh(signal), signal);
    this.#report("MetricsApi", new Map([["the metrics API", error]]));
    for (const pod of pods()) {
      const last = podMetrics.lastOf(pod);
      if (last?.use.jupyter !== undefined) onContainers(pod.metadata.uid, last.use.jupyter, last.atMs);
    }
    return resultOf("MetricsApi", error) !== "Failed";
  }

  async #readKubelets(kubelets: Pick<Kubelets, "read">, signal: AbortSignal): Promise<boolean> {
    const { clock, pods, onDisk } = this.#options;
    const running = pods().filter(({ status }) => status?.phase === "Running");
    const atMs = clock.monotonicMs();
    const { workspaces, errors } = await kubelets.read(podsByNode(running), signal);
    this.#report("Kubelet", errors);
    // Of pods that went meanwhile nobody would forget it again.
    const remaining = new Set(pods().map(({ metadata }) => metadata.uid));
    for (const pod of running.filter(({ metadata }) => remaining.has(metadata.uid))) {
      const stats = workspaces.get(pod.metadata.uid);
      const disk = stats === undefined ? undefined : diskUsageOf(pod, stats);
      if (disk !== undefined) onDisk(pod.metadata.uid, disk, atMs);
    }
    return errors.size === 0 || [...errors.values()].includes(undefined);
  }

  /** A failure is logged when it begins, and its end. @param errors What was read, and the error if it could not be. */
  #report(source: UsageSource, errors: ReadonlyMap<string, unknown>): void {
    const { logger, onRead } = this.#options;
    const before = this.#failing[source];
    for (const [what, err] of errors) {
      const result = resultOf(source, err);
      onRead(source, result);
      if (err === undefined && before.has(what)) logger.info({ what }, "usage is measured again");
      if (err === undefined || before.has(what)) continue;
      if (result === "Absent") logger.info({ what }, "usage is not measured: the cluster has no such API");
      else logger.warn({ what, err }, "usage cannot be measured");
    }
    this.#failing[source] = new Set([...errors].flatMap(([what, err]) => (err === undefined ? [] : [what])));
  }
}

/**
 * @param err What reading failed with; undefined if it did not. Every kubelet has statistics: one without is no
 * kubelet.
 */
function resultOf(source: UsageSource, err: unknown): UsageReadResult {
  if (err === undefined) return "Read";
  return source === "MetricsApi" && isNotFound(err) ? "Absent" : "Failed";
}

function podsByNode(pods: readonly Live<Pod>[]): PodsByNode {
  const groups = Map.groupBy(pods, ({ status }) => status?.hostIP ?? "");
  groups.delete(""); // on no node yet
  return new Map([...groups].map(([address, group]) => [address, new Set(group.map(({ metadata }) => metadata.uid))]));
}

/** What a promise was rejected with; undefined if it was fulfilled. @throws the signal's reason if that is aborted. */
async function failureOf(reading: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  try {
    await reading;
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error;
  }
}
