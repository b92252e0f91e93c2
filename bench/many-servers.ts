import { setTimeout as sleep } from "node:timers/promises";
import { SERVER_KIND } from "../controller/src/kinds.ts";
import { CONTROLLER_USER, type World } from "../test/integration/controller/world.ts";
import { AuditLog, type AuditedCall, describeCalls, METRICS_PODS, readsAmong, writesAmong } from "./audit-log.ts";
import { ControllerProcess } from "./controller-process.ts";
import { createServers, NAMESPACE, runningServers, startLoadedWorld } from "./loaded-world.ts";
import { watchReadyLags } from "./ready-lag.ts";
import { type Measurement, median, quantile } from "./report.ts";

/** How many servers, how long nothing happens, and how much memory the controller may take. */
export type Load = { readonly servers: number; readonly restSeconds: number; readonly atMostMebibytes: number };

/** Children of a token-mode server with a volume. */
const CHILDREN = 7;

/** How often the controller asks what pods use, unless it is told otherwise. */
const USAGE_SECONDS = 30;

/** What the first lists left behind is collected when nothing has happened for some seconds. */
const COLLECTED_SECONDS = 30;

/**
 * Many servers at once on nodes simulated by kwok, then rest, then a restart of the controller: nothing runs in the pods,
 * but the API server, the scheduler and the controllers of Kubernetes are real.
 */
export async function manyServers(load: Load, signal: AbortSignal): Promise<readonly Measurement[]> {
  const world = await startLoadedWorld(load.servers);
  try {
    const log = new AuditLog(world.cluster.auditLogPath, CONTROLLER_USER);
    const first = await ControllerProcess.start(world);
    const burst = await measureBurst(load, world, log, signal);
    const rest = await measureRest(load, first, log, signal);
    const termsOfFirst = first.terms();
    await first.stop();
    const before = (await log.calls()).length;
    const second = await ControllerProcess.start(world);
    const afterRestart = writesAmong(await log.whenQuiet(before));
    await sleep(COLLECTED_SECONDS * 1000, undefined, { signal });
    const restarted = second.memory();
    const terms = Math.max(termsOfFirst, second.terms());
    await second.stop();
    return [
      ...burst,
      ...rest,
      limited("writes after a restart of the controller", afterRestart, 0),
      {
        what: "terms of one controller: more than one if it was too busy to renew its lease",
        measured: terms,
        atMost: 1,
      },
      {
        ...{ what: "resident memory after the restart", measured: restarted.resident, unit: "MiB" },
        atMost: load.atMostMebibytes,
      },
    ];
  } finally {
    await world.stop();
  }
}

function limited(what: string, calls: readonly AuditedCall[], atMost: number): Measurement {
  return { what, measured: calls.length, atMost, detail: describeCalls(calls) };
}

async function measureBurst(
  { servers }: Load,
  world: World,
  log: AuditLog,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const lags = watchReadyLags(world.admin, NAMESPACE, signal);
  const start = performance.now();
  await createServers(world.admin, servers, signal);
  const running = await runningServers(world.admin, servers, signal);
  await lags.stop();
  const lag = lags.seconds("server");
  const seconds = (performance.now() - start) / 1000;
  const calls = await log.whenQuiet(0);
  const writes = writesAmong(calls);
  const ofChildren = writes.filter(({ resource }) => resource !== SERVER_KIND.plural);
  const children = new Set(ofChildren.map(({ resource, name }) => `${resource}/${name}`));
  const ofStatus = writes.filter(({ resource }) => resource === SERVER_KIND.plural);
  // Each kind is listed once, at the start; what is read of one object is a Secret.
  const reads = readsAmong(calls).filter(({ verb, name }) => verb === "get" && name !== undefined);
  return [
    { what: `servers of ${servers} that are not running`, measured: servers - running, atMost: 0 },
    { what: "duration until the last one runs", measured: seconds, unit: "s" },
    { what: "median from pod Ready to server Ready", measured: median(lag), unit: "s", atMost: 3 },
    { what: "its 95 % quantile", measured: quantile(lag, 0.95), unit: "s" },
    { what: "children", measured: children.size, atMost: CHILDREN * servers },
    { what: "children written twice", measured: ofChildren.length - children.size, atMost: 0 },
    { what: "status writes per server", measured: ofStatus.length / servers, atMost: 3 },
    {
      what: "reads of single objects per server",
      measured: reads.length / servers,
      atMost: 1,
      detail: describeCalls(reads),
    },
  ];
}

async function measureRest(
  { servers, restSeconds, atMostMebibytes }: Load,
  controller: ControllerProcess,
  log: AuditLog,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const [before, cpuBefore] = [(await log.calls()).length, controller.cpuSeconds()];
  await sleep(restSeconds * 1000, undefined, { signal });
  const calls = (await log.calls()).slice(before);
  const cpu = controller.cpuSeconds() - cpuBefore;
  const { resident, peak } = controller.memory();
  const events = calls.filter(({ verb, resource }) => resource === "events" && verb !== "watch");
  const ofUsage = calls.filter(({ resource }) => resource === METRICS_PODS);
  return [
    limited(`writes of ${servers} idle servers in ${restSeconds} s`, [...writesAmong(calls), ...events], 0),
    limited(
      "their reads, other than watches, the lease and the usage of all",
      readsAmong(calls).filter((call) => !ofUsage.includes(call)),
      0,
    ),
    limited("questions for the usage of all together, however many they are", ofUsage, restSeconds / USAGE_SECONDS + 1),
    {
      what: "their calls per server and hour",
      measured: (calls.length / servers / restSeconds) * 3600,
      detail: describeCalls(calls),
    },
    { what: "processor at rest", measured: (100 * cpu) / restSeconds, unit: "% of one core" },
    { what: "resident memory", measured: resident, unit: "MiB", atMost: atMostMebibytes },
    { what: "peak of the resident memory", measured: peak, unit: "MiB" },
  ];
}
