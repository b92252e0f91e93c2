import { type ControllerOptions, keyOf, type Lane, type Live, type ObjectKey } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { ActivityPoller, type Inquiry } from "../activity/activity-poller.ts";
import { recordEvents } from "../apply/record-events.ts";
import type { ActivityAnswer } from "../decide/live/activity.ts";
import { podOf } from "../observe/observe-server.ts";
import { TlsSecrets } from "../observe/tls-secrets.ts";
import { CredentialCheck } from "../observe/credential-check.ts";
import type { UsageTotals } from "../observe/usage-memory.ts";
import { CacheChanges } from "./cache-changes.ts";
import { Memories } from "./memories.ts";
import { MilestoneCounter } from "./milestone-counter.ts";
import type { ReconcilerParts } from "./parts.ts";
import { PlanApplier } from "./plan-applier.ts";
import { reconcile, type ReconcileDeps } from "./reconcile.ts";
import { reportFailure } from "./report-failure.ts";
import { serverObserver } from "./server-observer.ts";
import { statusWriter } from "./status-writer.ts";
import { UsageMeasuring, type UsageMeasuringOptions } from "./usage-measuring.ts";

export type ServerReconcilerOptions = ReconcilerParts &
  Pick<UsageMeasuringOptions, "namespaces" | "ownNamespace" | "connectKubelet">;

/**
 * Connects what reconciles servers. From its creation on, every change in the caches enqueues the servers concerned, if
 * the queue is open; `controllerOptions` is for the controller that processes it.
 */
export class ServerReconciler {
  /** Reads what is not watched, as reconciles request it; responses enqueue servers. To be run while leading. */
  readonly observers: readonly { run(signal: AbortSignal): Promise<void> }[];
  readonly #options: ServerReconcilerOptions;
  readonly #settings: ReconcileDeps["settings"];
  readonly #memories: Memories;
  readonly #plans: PlanApplier;
  readonly #writeStatus: ReconcileDeps["writeStatus"];
  readonly #activity: ActivityPoller;
  readonly #usage: UsageMeasuring;

  constructor(options: ServerReconcilerOptions) {
    this.#options = options;
    const { audit, config, extraKinds, queue } = options;
    const extraChildKinds = extraKinds.map(({ apiVersion, kind, plural }) => ({ apiVersion, kind, plural }));
    this.#settings = { ...config.decision, extraChildKinds };
    const enqueueAs = (lane: Lane) => (key: ObjectKey) => this.#enqueue(key, lane);
    this.#usage = new UsageMeasuring({ ...options, onNews: (server) => this.#enqueue(keyOf(server), "Low") });
    const memories = new Memories({
      credentials: new CredentialCheck({
        ...options,
        everySeconds: config.tokenCheckSeconds,
        onNews: enqueueAs("Urgent"),
      }),
      tlsSecrets: new TlsSecrets({ ...options, onNews: enqueueAs("Normal") }),
      usage: this.#usage.memory,
    });
    const milestones = new MilestoneCounter(options);
    this.#memories = memories;
    this.#plans = new PlanApplier({ ...options, memories });
    this.#writeStatus = statusWriter({ ...options, milestones });
    this.#activity = new ActivityPoller({
      ...options,
      podOf: (key) => this.#podOf(key),
      cpuMillicoresOf: async (pod, signal) => (await this.#usage.podMetrics.presentOf(pod, signal))?.cpuMillicores,
      onAnswer: (inquiry, answer) => this.#activityAnswered(inquiry, answer),
    });
    this.observers = [this.#usage, this.#activity, memories.credentials, memories.tlsSecrets];
    new CacheChanges({
      ...options,
      memories,
      serversPerNamespace: config.decision.policy.serversPerNamespace,
      isLeader: () => queue.isOpen,
      enqueue: (key, lane) => this.#enqueue(key, lane),
      onRemoved: (server) => {
        audit?.removed(server);
        milestones.removed(server, queue.isOpen);
      },
    }).follow();
  }

  /** Enqueues every server, behind what is urgent. */
  enqueueAll(): void {
    for (const server of this.#options.caches.servers.store.list()) this.#enqueue(keyOf(server), "Low");
  }

  /** Sums of what is known now. */
  usageTotals(): UsageTotals {
    return this.#usage.memory.totals(this.#options.clock.monotonicMs());
  }

  controllerOptions(): ControllerOptions<ObjectKey> {
    const { config, queue, metrics, logger, clock } = this.#options;
    return {
      name: "jupyterserver",
      queue,
      workers: config.workers,
      reconcile: (key, signal) => reconcile(key, this.#deps(), signal),
      onFailure: (key, error, signal) =>
        reportFailure(key, error, { ...this.#options, writeStatus: this.#writeStatus }, signal),
      clock,
      logger,
      onResult: (result) => metrics.reconciled(result),
    };
  }

  #deps(): ReconcileDeps {
    const { recorder, clock, logger } = this.#options;
    const { policy } = this.#settings;
    return {
      settings: this.#settings,
      now: () => clock.now(),
      observe: serverObserver({ ...this.#options, memories: this.#memories, policy }),
      apply: (plan, observed, signal) => this.#plans.apply(plan, observed, signal),
      writeStatus: this.#writeStatus,
      reportFault: ({ metadata }, err) => logger.error({ key: keyOf(metadata), err }, "decision failed"),
      recordEvents: (server, events) => recordEvents(server, events, recorder),
      askActivity: (server, question) =>
        this.#activity.poll({ key: keyOf(server), serverUid: server.metadata.uid, question }),
    };
  }

  #activityAnswered({ key, serverUid, question }: Inquiry, answer: ActivityAnswer): void {
    const { caches, clock, metrics } = this.#options;
    metrics.activityAsked(answer.kind);
    // Of a server that is gone nothing is remembered.
    if (caches.server(key)?.metadata.uid !== serverUid) return;
    this.#memories.activity.remember(serverUid, question.podUid, answer, clock.now());
    this.#enqueue(key, "Urgent");
  }

  #podOf(key: ObjectKey): Live<Pod> | undefined {
    const { caches } = this.#options;
    const server = caches.server(key);
    return server === undefined ? undefined : podOf(server, caches);
  }

  /** Nothing enters the queue of a replica that does not lead. */
  #enqueue(key: ObjectKey, lane: Lane): void {
    const { metrics, queue } = this.#options;
    if (queue.isOpen) metrics.queueAdded();
    queue.add(key, lane);
  }
}
