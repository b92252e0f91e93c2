import { LABELS } from "@amalthea/api";
import { type Clock, defineKind, keyOf, type KubeClient, type Live, withDeadline } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { isPresentUseOf, podUseIn, type PodUse } from "../decide/live/usage.ts";

/** Of the metrics API, which metrics-server provides. */
const POD_METRICS = defineKind({ apiVersion: "metrics.k8s.io/v1beta1", kind: "PodMetrics", plural: "pods" });

/** For one list. A metrics API that is slow holds one connection, and nobody waits for it. */
const TIMEOUT_MS = 10_000;

/** metrics-server measures every 15 seconds by default: querying more often brings nothing new. */
const FRESH_MS = 15_000;

export type PodMetricsOptions = {
  readonly client: Pick<KubeClient, "list">;
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
};

type List = { readonly atMs: number; readonly uses: ReadonlyMap<string, PodUse> };

/**
 * Reads what the pods of servers use from the metrics API: one list for all pods of a scope, shared by all callers.
 */
export class PodMetrics {
  readonly #options: PodMetricsOptions;
  readonly #lists = new Map<string, List>();
  readonly #reading = new Map<string, Promise<List>>();

  constructor(options: PodMetricsOptions) {
    this.#options = options;
  }

  /** Lists every scope, one after the other. @throws what the last scope that could not be read threw. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { namespaces } = this.#options;
    let failure: { readonly error: unknown } | undefined;
    for (const scope of namespaces.length === 0 ? [""] : namespaces) {
      try {
        await this.#read(scope, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }

  /** As the last list has it, and when that was read (monotonic); undefined for a pod without metrics. */
  lastOf(pod: Live<Pod>): { readonly use: PodUse; readonly atMs: number } | undefined {
    const list = this.#lists.get(this.#scopeOf(pod));
    const use = list === undefined ? undefined : this.#useIn(list, pod);
    return list === undefined || use === undefined ? undefined : { use, atMs: list.atMs };
  }

  /** As it is now. @throws what the client throws. */
  async presentOf(pod: Live<Pod>, signal: AbortSignal): Promise<PodUse | undefined> {
    const scope = this.#scopeOf(pod);
    const last = this.#lists.get(scope);
    const isFresh = last !== undefined && this.#options.clock.monotonicMs() - last.atMs <= FRESH_MS;
    return this.#useIn(isFresh ? last : await this.#read(scope, signal), pod);
  }

  #useIn({ uses }: List, pod: Live<Pod>): PodUse | undefined {
    const use = uses.get(keyOf(pod));
    return use !== undefined && isPresentUseOf(use, pod, this.#options.clock.now()) ? use : undefined;
  }

  #scopeOf({ metadata: { namespace = "" } }: Live<Pod>): string {
    return this.#options.namespaces.length === 0 ? "" : namespace;
  }

  /** Concurrent callers share one list. */
  async #read(scope: string, signal: AbortSignal): Promise<List> {
    const running = this.#reading.get(scope);
    if (running !== undefined) return await running;
    const list = this.#list(scope, signal).finally(() => this.#reading.delete(scope));
    this.#reading.set(scope, list);
    return await list;
  }

  async #list(scope: string, signal: AbortSignal): Promise<List> {
    const { client, clock } = this.#options;
    const atMs = clock.monotonicMs();
    const namespace = scope === "" ? undefined : scope;
    const { items } = await withDeadline(clock, TIMEOUT_MS, signal, async (deadline) => {
      return await client.list(POD_METRICS, { namespace, labelSelector: LABELS.parentUid }, deadline);
    });
    const uses = items.flatMap((item): readonly [string, PodUse][] => {
      const use = podUseIn(item);
      return use === undefined ? [] : [[keyOf(item), use]];
    });
    const list = { atMs, uses: new Map(uses) };
    this.#lists.set(scope, list);
    return list;
  }
}
