import { setImmediate } from "node:timers/promises";
import type { JupyterServer } from "@amalthea/api";
import type { Live } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { type KubeletConfig, type UsageConfig, usageMaxAgeSeconds } from "../config/usage-config.ts";
import { withReadableStatus } from "../decide/effective-server.ts";
import type { UsageSource } from "../decide/live/usage.ts";
import { isUsageDue, usageToShow } from "../decide/status/usage.ts";
import { podOf } from "../observe/observe-server.ts";
import { UsageMemory } from "../observe/usage-memory.ts";
import { Kubelets, type KubeletsOptions } from "../usage/kubelets.ts";
import { KubeletToken } from "../usage/kubelet-token.ts";
import { PodMetrics } from "../usage/pod-metrics.ts";
import { UsageSampler } from "../usage/usage-sampler.ts";
import type { ReconcilerParts } from "./parts.ts";

export type UsageMeasuringOptions = Pick<
  ReconcilerParts,
  "config" | "client" | "caches" | "metrics" | "clock" | "logger"
> & {
  /** Namespaces of the servers; empty: the whole cluster. */
  readonly namespaces: readonly string[];
  /** Namespace of the service account for kubelets. */
  readonly ownNamespace: string;
  readonly connectKubelet: KubeletsOptions["connect"];
  /** Called with each server whose measured usage is worth a write. */
  readonly onNews: (server: JupyterServer) => void;
};

/** Servers that are processed before others have a turn: five thousand in a row take a fifth of a second. */
const SERVERS_AT_A_TIME = 100;

/** The usage measurement of servers, connected to the memory that reconciles read. */
export class UsageMeasuring {
  readonly memory: UsageMemory;
  readonly podMetrics: PodMetrics;
  readonly #options: UsageMeasuringOptions;

  constructor(options: UsageMeasuringOptions) {
    const { client, namespaces, clock, config } = options;
    this.#options = options;
    this.memory = new UsageMemory(sourcesOf(config.usage), usageMaxAgeSeconds(config.usage) * 1000);
    this.podMetrics = new PodMetrics({ client, namespaces, clock });
  }

  /** Measures, if it is to, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, config, logger, metrics } = this.#options;
    const { enabled, intervalSeconds, kubelet } = config.usage;
    this.memory.begin(clock.monotonicMs());
    const sampler = new UsageSampler({
      intervalMs: intervalSeconds * 1000,
      pods: () => this.#pods(),
      podMetrics: enabled ? this.podMetrics : undefined,
      kubelets: enabled && kubelet !== undefined ? this.#kubelets(kubelet) : undefined,
      onContainers: (uid, usage, atMs) => this.memory.rememberContainers(uid, usage, atMs),
      onDisk: (uid, usage, atMs) => this.memory.rememberDisk(uid, usage, atMs),
      onRead: (source, result) => metrics.usageRead(source, result),
      onRound: () => this.#tellNews(signal),
      clock,
      logger,
    });
    await sampler.run(signal);
  }

  #kubelets({ port, serviceAccount }: KubeletConfig): Kubelets {
    const { client, clock, connectKubelet: connect, ownNamespace } = this.#options;
    const account = { namespace: ownNamespace, name: serviceAccount };
    return new Kubelets({ token: new KubeletToken({ client, serviceAccount: account, clock }), connect, port, clock });
  }

  #pods(): readonly Live<Pod>[] {
    const { caches } = this.#options;
    return caches.listServers().flatMap((server) => podOf(server, caches) ?? []);
  }

  /** Only servers whose status would be written: a reconcile of the others would end in nothing. */
  async #tellNews(signal: AbortSignal): Promise<void> {
    const { caches, onNews } = this.#options;
    for (const [index, server] of caches.listServers().entries()) {
      if (index % SERVERS_AT_A_TIME === 0) await setImmediate(undefined, { signal });
      if (this.#isNews(server)) onNews(server);
    }
  }

  #isNews(server: JupyterServer): boolean {
    const { caches, clock } = this.#options;
    const podUid = podOf(server, caches)?.metadata.uid;
    const { status } = withReadableStatus(server);
    if (podUid === undefined || status?.mainPod?.uid !== podUid) return false;
    const usage = usageToShow(status.mainPod, podUid, this.memory.of(podUid, clock.monotonicMs()));
    return isUsageDue(status, usage, clock.now());
  }
}

function sourcesOf({ enabled, kubelet }: UsageConfig): readonly UsageSource[] {
  if (!enabled) return [];
  return kubelet === undefined ? ["MetricsApi"] : ["MetricsApi", "Kubelet"];
}
