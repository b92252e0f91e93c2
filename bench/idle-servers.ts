import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { jupyterWithKernel, PodStandIn } from "../test/integration/controller/pod-stand-in.ts";
import { CONTROLLER_USER, type World } from "../test/integration/controller/world.ts";
import { type AuditedCall, AuditLog, describeCalls, readsAmong, writesAmong } from "./audit-log.ts";
import { ControllerProcess } from "./controller-process.ts";
import { createServers, patchServers, runningServers, serversInState, startLoadedWorld } from "./loaded-world.ts";
import type { Measurement } from "./report.ts";

/** How many servers, and how long they are observed an hour before their limit. */
export type IdleLoad = { readonly servers: number; readonly restSeconds: number };

/** Of every pod on the simulated nodes: nobody's address, reserved for documentation. */
const POD_ADDRESS = "192.0.2.1";

/** Jupyter's answers to one question. */
const REQUESTS_IN_QUESTION = 3;

/** Enough to set the limits of all servers and to write their status. */
const SECONDS_UNTIL_DEADLINE = 150;

const execute = promisify(execFile);

/**
 * Idle servers that are far from their limit, and then reach it in the same second. A program of this machine answers in
 * the place of every pod, as Jupyter does that has not been used for long.
 */
export async function idleServers(load: IdleLoad, signal: AbortSignal): Promise<readonly Measurement[]> {
  await using stack = new AsyncDisposableStack();
  const world = await startLoadedWorld(load.servers);
  stack.defer(() => world.stop());
  await execute("ip", ["address", "replace", `${POD_ADDRESS}/32`, "dev", "lo"]);
  stack.defer(async () => void (await execute("ip", ["address", "delete", `${POD_ADDRESS}/32`, "dev", "lo"])));
  const pods = await PodStandIn.start(
    jupyterWithKernel(() => new Date(0)),
    POD_ADDRESS,
  );
  stack.defer(() => pods.stop());
  const log = new AuditLog(world.cluster.auditLogPath, CONTROLLER_USER);
  const controller = await ControllerProcess.start(world);
  stack.defer(() => controller.stop());
  await createServers(world.admin, load.servers, signal);
  const running = await runningServers(world.admin, load.servers, signal);
  return [
    { what: `servers of ${load.servers} that are not running`, measured: load.servers - running, atMost: 0 },
    ...(await farFromLimit(load, { world, log, pods }, signal)),
    ...(await atLimit(load, { world, log, pods }, signal)),
    { what: "resident memory", measured: controller.memory().resident, unit: "MiB" },
  ];
}

type Stage = { readonly world: World; readonly log: AuditLog; readonly pods: PodStandIn };

async function farFromLimit(
  { servers, restSeconds }: IdleLoad,
  { world, log, pods }: Stage,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  await patchServers(world.admin, servers, { spec: { culling: { idleSecondsThreshold: 3600 } } }, signal);
  await log.whenQuiet(0);
  const [calls, requests] = [(await log.calls()).length, pods.requests.length];
  await sleep(restSeconds * 1000, undefined, { signal });
  const writes = writesAmong((await log.calls()).slice(calls));
  const perSecond = (pods.requests.length - requests) / restSeconds;
  const what = "requests for their activity, of all together, in a second";
  return [
    {
      ...{ what: `writes of idle servers an hour before their limit in ${restSeconds} s`, measured: writes.length },
      ...{ atMost: 0, detail: describeCalls(writes) },
    },
    { what, measured: perSecond, atMost: 0.1 },
  ];
}

async function atLimit(
  { servers }: IdleLoad,
  { world, log, pods }: Stage,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const deadline = Date.now() + SECONDS_UNTIL_DEADLINE * 1000;
  const culling = { idleSecondsThreshold: 1, keepAliveUntil: new Date(deadline).toISOString() };
  await patchServers(world.admin, servers, { spec: { culling } }, signal);
  await log.whenQuiet(0);
  if (Date.now() > deadline) throw new Error("this machine is too slow to set the limits of all servers in time");
  const [before, requests] = [(await log.calls()).length, pods.requests.length];
  await sleep(deadline - Date.now(), undefined, { signal });
  const hibernated = await serversInState(world.admin, servers, "hibernated", signal);
  const seconds = (Date.now() - deadline) / 1000;
  const calls = await log.whenQuiet(before);
  const [writes, reads] = [writesAmong(calls), readsAmong(calls)];
  const ofSecrets = reads.filter(({ resource }) => resource === "secrets");
  // The usage of all pods is listed now and then, whether they are idle or not.
  const others = reads.filter(({ resource, name }) => resource !== "secrets" && name !== undefined);
  return [
    { what: "servers that are not hibernated by their limit", measured: servers - hibernated, atMost: 0 },
    { what: "duration until the last one is", measured: seconds, unit: "s" },
    {
      // Its spec, its StatefulSet, and its status twice: a resume while the pod still stops must find it hibernated.
      ...{ what: "writes for the server that has most", measured: mostByName(writes), atMost: 4 },
      detail: describeCalls(writes),
    },
    { what: "reads of the Secret with the token, per server", measured: ofSecrets.length / servers, atMost: 1 },
    { what: "other reads of single objects", measured: others.length, atMost: 0, detail: describeCalls(others) },
    {
      what: "questions about the activity, per server",
      measured: (pods.requests.length - requests) / REQUESTS_IN_QUESTION / servers,
    },
  ];
}

/** Children are named as their server is. */
function mostByName(calls: readonly AuditedCall[]): number {
  const byName = Map.groupBy(calls, ({ name }) => name);
  return Math.max(0, ...[...byName.values()].map(({ length }) => length));
}
