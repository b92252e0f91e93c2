import {
  type Clock,
  EventRecorder,
  fenced,
  type KubeClient,
  LeaderElection,
  type Logger,
  type ObjectKey,
  runController,
  systemClock,
  WorkQueue,
} from "@amalthea/kube";
import { BackgroundTasks } from "./background-tasks.ts";
import type { ControllerConfig } from "../config/config.ts";
import { resolveExtraKinds } from "../config/extra-kinds.ts";
import { liveness, readiness } from "./health.ts";
import { type HttpServer, serveHttp } from "./http-server.ts";
import type { Metrics } from "./metrics.ts";
import { Caches } from "../observe/caches.ts";
import { ServerLoop } from "../reconcile/server-reconciler.ts";

export type AmaltheaOptions = {
  readonly config: ControllerConfig;
  readonly client: KubeClient;
  /** For the lease alone: a renewal must not wait for a connection that a slow write holds. */
  readonly leaseClient: KubeClient;
  /** Where the lease is; also the scope if none is configured. */
  readonly ownNamespace: string;
  /** Unique in the world: under it this process holds the lease and signs its Events. */
  readonly identity: string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock?: Clock;
};

/** How long the first lists may take before the process gives up; controller-runtime waits as long. */
const SYNC_TIMEOUT_MS = 120_000;

/** A pass over every server although nothing told us to, as controller-runtime does: a net under bugs, not a mechanism. */
const RESYNC_MS = 36_000_000;

/** The name under which Events are reported. */
const REPORTING_CONTROLLER = "amalthea.dev/controller";

/**
 * The controller, from its health ports to its workers, until the signal is aborted. Then it stops in reverse: workers
 * finish what they do (30 seconds at most), Events are sent, the lease is given back, the watches end, the ports close.
 *
 * @throws LeadershipLostError if another replica may lead by now, or if something cannot be started: end the process.
 */
export async function runAmalthea(options: AmaltheaOptions, signal: AbortSignal): Promise<void> {
  const parts = await assemble(options, signal);
  const tasks = new BackgroundTasks();
  try {
    await startInOrder(parts, options, tasks, signal);
  } finally {
    await tasks.end();
  }
}

type Parts = {
  readonly namespaces: readonly string[];
  readonly caches: Caches;
  readonly queue: WorkQueue<ObjectKey>;
  readonly election: Election;
  readonly recorder: EventRecorder;
  readonly loop: ServerLoop;
  readonly clock: Clock;
};

/** Makes every part and joins them; nothing runs yet. */
async function assemble(options: AmaltheaOptions, signal: AbortSignal): Promise<Parts> {
  const { config, client, logger, metrics, clock = systemClock } = options;
  const namespaces = namespacesOf(options);
  const extraKinds = await resolveExtraKinds(config.extraChildResources, client, logger, signal);
  const queue = new WorkQueue<ObjectKey>({ clock, onTaken: (waitMs) => metrics.queueTaken(waitMs) });
  const onFailure = (kind: string): void => metrics.watchFailed(kind);
  const caches = new Caches({ client, namespaces, extraKinds, clock, logger, onFailure });
  const election = electionOf(options, clock);
  const writer = fenced(client, () => election.isLeader());
  const recorder = new EventRecorder({
    client: writer,
    controller: REPORTING_CONTROLLER,
    instance: options.identity,
    clock,
    logger,
    onDropped: (reason) => metrics.eventDropped(reason),
  });
  const loop = new ServerLoop({ config, client: writer, caches, queue, recorder, extraKinds, metrics, logger, clock });
  return { namespaces, caches, queue, election, recorder, loop, clock };
}

/** Starts each part when what it needs is there, and returns when the signal is aborted or one of them fails. */
async function startInOrder(
  { namespaces, caches, queue, election, recorder, loop, clock }: Parts,
  options: AmaltheaOptions,
  tasks: BackgroundTasks,
  signal: AbortSignal,
): Promise<void> {
  const { logger, identity } = options;
  watchMetrics(options, caches, queue, election);
  // Probes must be answered before the caches are filled.
  for (const server of await servePorts(options, caches, election, signal)) tasks.defer(() => server.close());
  const watching = tasks.start((stop) => caches.run(stop));
  await Promise.race([cachesComplete(caches, signal), watching]);
  if (signal.aborted) return;
  logger.info({ namespaces, servers: caches.servers.store.size }, "caches complete");
  const leading = tasks.start((stop) => election.run(stop));
  await Promise.race([election.acquired, leading, watching, aborted(signal)]);
  if (signal.aborted) return;
  logger.info({ identity }, "leading");
  const recording = tasks.start((stop) => recorder.run(stop));
  const resyncing = tasks.start((stop) => resync(loop, clock, stop));
  const working = tasks.start((stop) => runController(loop.controllerOptions(), AbortSignal.any([signal, stop])));
  await Promise.race([working, resyncing, recording, leading, watching]);
}

/** Resolves when every cache is complete, or when the signal is aborted. */
async function cachesComplete(caches: Caches, signal: AbortSignal): Promise<void> {
  try {
    await caches.waitForSync(AbortSignal.any([signal, AbortSignal.timeout(SYNC_TIMEOUT_MS)]));
  } catch (cause) {
    if (signal.aborted) return;
    const kinds = caches.all.filter(({ store }) => !store.synced).map(({ store }) => store.kind.plural);
    throw new Error(`no complete list of ${kinds.join(", ")} within ${SYNC_TIMEOUT_MS / 1000} seconds`, { cause });
  }
}

/** Puts all servers into the queue from time to time. */
async function resync(loop: ServerLoop, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(RESYNC_MS, signal);
    loop.enqueueAll();
  }
}

async function servePorts(
  { config, metrics }: AmaltheaOptions,
  caches: Caches,
  election: Election,
  signal: AbortSignal,
): Promise<readonly HttpServer[]> {
  const sources = {
    caches,
    renewalAgeMs: () => election.renewalAgeMs(),
    isStopping: () => signal.aborted,
  };
  const health = await serveHttp(config.healthPort, {
    "/healthz": () => liveness(sources),
    "/readyz": () => readiness(sources),
  });
  if (!config.metrics.enabled) return [health];
  const { registry } = metrics;
  const scraped = await serveHttp(config.metrics.port, {
    "/metrics": async () => ({ code: 200, contentType: registry.contentType, body: await registry.metrics() }),
  });
  return [health, scraped];
}

function watchMetrics(
  { metrics }: AmaltheaOptions,
  caches: Caches,
  queue: WorkQueue<ObjectKey>,
  election: Election,
): void {
  metrics.watch({
    isLeader: () => election.isLeader(),
    queue,
    serversByState: () => {
      const counts = new Map<string, number>();
      for (const server of caches.listServers()) {
        const state = server.status?.state ?? "unknown";
        counts.set(state, (counts.get(state) ?? 0) + 1);
      }
      return counts;
    },
    caches: () =>
      caches.all.map((informer) => ({
        kind: informer.store.kind.kind,
        objects: informer.store.size,
        silentMs: informer.silentMs(),
      })),
  });
}

type Election = Pick<LeaderElection, "acquired" | "isLeader" | "renewalAgeMs" | "run">;

function electionOf({ config, leaseClient, ownNamespace, identity, logger }: AmaltheaOptions, clock: Clock): Election {
  if (!config.leaderElection.enabled) return ALWAYS_LEADER;
  const lease = { namespace: ownNamespace, name: config.leaderElection.leaseName };
  return new LeaderElection({ client: leaseClient, lease, identity, clock, logger });
}

/** For a single process, such as one that a developer runs from source against a cluster of his own. */
const ALWAYS_LEADER: Election = {
  acquired: Promise.resolve(),
  isLeader: () => true,
  renewalAgeMs: () => undefined,
  run: (signal) => aborted(signal),
};

function namespacesOf({ config, ownNamespace }: AmaltheaOptions): readonly string[] {
  switch (config.scope.kind) {
    case "Cluster":
      return [];
    case "Namespaces":
      return config.scope.namespaces;
    case "OwnNamespace":
      return [ownNamespace];
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
