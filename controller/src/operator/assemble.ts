import {
  type Clock,
  EventRecorder,
  fenced,
  type KubeClient,
  type Logger,
  type ObjectKey,
  WorkQueue,
} from "@amalthea/kube";
import { AuditLog } from "../audit/audit-log.ts";
import type { ControllerConfig } from "../config/config.ts";
import type { resolveExtraKinds } from "../config/extra-kinds.ts";
import { Caches } from "../observe/caches.ts";
import { ServerReconciler } from "../reconcile/server-reconciler.ts";
import { Leadership } from "./leadership.ts";
import type { Metrics } from "./metrics.ts";
import type { ServerTime } from "./server-time.ts";

export type OperatorOptions = {
  readonly config: ControllerConfig;
  readonly client: KubeClient;
  /** Only for the lease: a renewal must not wait for a connection that a slow write occupies. */
  readonly leaseClient: KubeClient;
  /** Makes a client of a kubelet, which verifies its certificate before it sends the token. */
  readonly connectKubelet: (server: string, token: string) => KubeClient;
  /** Where the lease is; also the scope if none is configured. */
  readonly ownNamespace: string;
  /** Globally unique: the identity of this process in the lease and its Events. */
  readonly identity: string;
  readonly metrics: Metrics;
  /** Of this program. */
  readonly version: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Receives the responses to the clients; undefined: our clock counts as right. */
  readonly serverTime?: ServerTime;
};

/** The name under which Events are reported. */
const REPORTING_CONTROLLER = "amalthea.dev/controller";

export type Parts = {
  readonly caches: Caches;
  readonly queue: WorkQueue<ObjectKey>;
  readonly recorder: EventRecorder;
  readonly reconciler: ServerReconciler;
  /** Undefined: none is written. */
  readonly audit: AuditLog | undefined;
  readonly clock: Clock;
};

/** Creates and connects all parts; nothing runs yet. */
export function assemble(
  options: OperatorOptions,
  extraKinds: Awaited<ReturnType<typeof resolveExtraKinds>>,
  leadership: Leadership,
  clock: Clock,
): Parts {
  const { config, client, logger, metrics } = options;
  const queue = new WorkQueue<ObjectKey>({ clock, onTaken: (waitMs) => metrics.queueTaken(waitMs) });
  queue.close(); // until this process leads
  const onFailure = (kind: string): void => metrics.watchFailed(kind);
  const caches = new Caches({
    ...{ client, namespaces: namespacesOf(options), extraKinds, clock, logger, onFailure },
    watchClusterScoped: config.scope.kind === "Cluster",
  });
  const writer = fenced(client, () => leadership.isLeader());
  const recorder = new EventRecorder({
    client: writer,
    controller: REPORTING_CONTROLLER,
    instance: options.identity,
    clock,
    logger,
    onDropped: (reason) => metrics.eventDropped(reason),
  });
  const audit = auditLogOf(options, caches, leadership, clock);
  const common = { config, client: writer, caches, queue, recorder, extraKinds, audit };
  const { ownNamespace, connectKubelet } = options;
  const scope = { namespaces: namespacesOf(options), ownNamespace, connectKubelet };
  const isClockAhead = (): boolean => options.serverTime?.isOursAhead() ?? false;
  const reconciler = new ServerReconciler({ ...common, ...scope, metrics, logger, clock, isClockAhead });
  const parts = { caches, queue, recorder, reconciler, audit, clock };
  watchMetrics(options, parts, leadership);
  return parts;
}

function watchMetrics({ metrics, config, version }: OperatorOptions, parts: Parts, leadership: Leadership): void {
  const { caches, queue, reconciler, clock } = parts;
  const { annotationPrefix } = config.decision;
  metrics.watch({
    version,
    isLeader: () => leadership.isLeader(),
    queue,
    servers: () => caches.listServers(),
    idleOptions: () => ({ annotationPrefix, now: clock.now() }),
    usage: () => reconciler.usageTotals(),
    caches: () =>
      caches.all.map((informer) => ({
        kind: informer.store.kind.kind,
        objects: informer.store.size,
        silentMs: informer.silentMs(),
      })),
  });
}

function auditLogOf(
  { config, identity, logger, metrics }: OperatorOptions,
  caches: Caches,
  leadership: Leadership,
  clock: Clock,
): AuditLog | undefined {
  const { auditLog: settings } = config;
  if (settings === undefined) return undefined;
  const isLeader = (): boolean => leadership.isLeader();
  return new AuditLog({
    ...{ settings, identity, isLeader, clock, logger, metrics },
    isThere: (uid) => caches.servers.store.byIndex("uid", uid).length > 0,
    servers: () => caches.listServers(),
  });
}

export function leadershipOf(
  { config, leaseClient: client, ownNamespace, identity, logger }: OperatorOptions,
  clock: Clock,
): Leadership {
  const { enabled, leaseName } = config.leaderElection;
  const lease = enabled ? { namespace: ownNamespace, name: leaseName } : undefined;
  return new Leadership({ lease, client, identity, clock, logger });
}

export function namespacesOf({ config, ownNamespace }: OperatorOptions): readonly string[] {
  switch (config.scope.kind) {
    case "Cluster":
      return [];
    case "Namespaces":
      return config.scope.namespaces;
    case "OwnNamespace":
      return [ownNamespace];
  }
}
