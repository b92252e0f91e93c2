import { type Clock, type Logger, runController, systemClock } from "@amalthea/kube";
import { resolveExtraKinds } from "../config/extra-kinds.ts";
import type { Caches } from "../observe/caches.ts";
import type { ServerReconciler } from "../reconcile/server-reconciler.ts";
import { reportOlderCluster, untilAnswered, untilStatusIsServed } from "./api-server.ts";
import { BackgroundTasks } from "./background-tasks.ts";
import { type HealthSources, liveness, readiness } from "./health.ts";
import { type HttpServer, serveHttp } from "./http-server.ts";
import { assemble, leadershipOf, namespacesOf, type OperatorOptions, type Parts } from "./assemble.ts";
import { RECONCILES_STOP_MS } from "./stop-times.ts";

/** How often the log says which caches are not synced; as long as controller-runtime waits before it gives up. */
const INCOMPLETE_REPORT_MS = 120_000;

/** Resync period, as in controller-runtime: a safety net, not a mechanism. */
const RESYNC_MS = 36_000_000;

/**
 * The controller, from its health ports to its workers, until the signal is aborted. Then it stops in reverse: workers
 * finish, Events are sent, the lease is released, the watches end, the ports close; `stop-times.ts` has the
 * time limits.
 * While the API server does not answer it waits, and `/readyz` and the log say so; a lost lease makes it stand by.
 *
 * @throws Error if something cannot be started: end the process.
 */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const tasks = new BackgroundTasks();
  try {
    await startInOrder(options, tasks, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await tasks.end();
  }
}

/** Starts each part when what it needs is there, and returns when the signal is aborted or one of them fails. */
async function startInOrder(options: OperatorOptions, tasks: BackgroundTasks, signal: AbortSignal): Promise<void> {
  const { config, client, logger, clock = systemClock } = options;
  const leadership = leadershipOf(options, clock);
  let parts: Parts | undefined;
  // Probes must be answered before anything else does.
  const health = {
    caches: () => parts?.caches,
    renewalAgeMs: () => leadership.renewalAgeMs(),
    isStopping: () => signal.aborted,
  };
  for (const server of await servePorts(options, health)) tasks.defer(() => server.close());
  const extraKinds = await untilAnswered(
    () => resolveExtraKinds(config.extraChildResources, client, logger, signal),
    { client, clock, logger },
    signal,
  );
  await untilStatusIsServed({ client, clock, logger }, signal);
  await reportOlderCluster({ client, logger }, signal);
  const assembled = (parts = assemble(options, extraKinds, leadership, clock));
  const { caches } = assembled;
  const watching = tasks.start((stop) => caches.run(stop));
  void tasks.start((stop) => reportIncomplete(caches, clock, logger, stop));
  await Promise.race([caches.waitForSync(signal), watching]);
  logger.info({ namespaces: namespacesOf(options), servers: caches.servers.store.size }, "caches synced");
  tasks.defer(async () => await assembled.audit?.close());
  void tasks.start(async (stop) => await assembled.audit?.upload(stop));
  const leading = tasks.start((stop) =>
    leadership.run(
      (term) => {
        logger.info({ identity: options.identity }, "leading");
        return lead(assembled, leadership.transitions(), term);
      },
      AbortSignal.any([signal, stop]),
    ),
  );
  await Promise.race([leading, watching]);
}

/** The work of the leader: reconciles all servers, and then those that change. */
async function lead(
  { queue, recorder, reconciler, audit, clock }: Parts,
  transitions: number | undefined,
  term: AbortSignal,
): Promise<void> {
  const tasks = new BackgroundTasks();
  // From before the first write until after the last, concurrently: at the end either may take some seconds.
  const telling = tasks.start(async (stop) => {
    await Promise.all([audit?.lead(transitions, stop), recorder.run(stop)]);
  });
  queue.open();
  reconciler.enqueueAll();
  try {
    const observing = reconciler.observers.map((observer) => tasks.start((stop) => observer.run(stop)));
    const resyncing = tasks.start((stop) => resync(reconciler, clock, stop));
    const options = { ...reconciler.controllerOptions(), gracefulStopMs: RECONCILES_STOP_MS };
    const working = tasks.start((stop) => runController(options, AbortSignal.any([term, stop])));
    await Promise.race([working, resyncing, ...observing, telling]);
  } finally {
    await tasks.end();
  }
}

/** Logs from time to time which caches are not synced: the API server is down, or refuses to list them. */
async function reportIncomplete(caches: Caches, clock: Clock, logger: Logger, stop: AbortSignal): Promise<void> {
  while (!caches.synced) {
    await clock.sleep(INCOMPLETE_REPORT_MS, stop);
    if (!caches.synced) logger.warn({ resources: caches.incomplete }, "waiting for the caches to sync");
  }
}

/** Enqueues all servers periodically. */
async function resync(reconciler: ServerReconciler, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(RESYNC_MS, signal);
    reconciler.enqueueAll();
  }
}

async function servePorts(
  { config, metrics }: OperatorOptions,
  sources: HealthSources,
): Promise<readonly HttpServer[]> {
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
