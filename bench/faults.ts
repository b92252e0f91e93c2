import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isNotFound, type Kind, type KubeObject } from "@amalthea/kube";
import { SERVER_KIND } from "../controller/src/kinds.ts";
import { childKinds } from "../test/integration/controller/servers.ts";
import { CONTROLLER_USER, type World } from "../test/integration/controller/world.ts";
import { TcpProxy } from "../test/integration/kube/tcp-proxy.ts";
import { AuditLog, describeCalls, writesAmong } from "./audit-log.ts";
import { ControllerProcess } from "./controller-process.ts";
import { differences, type ServerSpec } from "./end-state.ts";
import { aServer, createServers, NAMESPACE, runningServers, startLoadedWorld } from "./loaded-world.ts";
import type { Measurement } from "./report.ts";

const SERVERS = 100;

/** How long nothing comes through between the controller and the API server. */
const FROZEN_SECONDS = 60;

/** After a fault the controller finds by itself that its connections are dead; the longest silence it bears is 150 s. */
const CONVERGED_SECONDS = 300;

/**
 * Bursts of changes while the API server restarts, and while nothing comes through and etcd forgets what happened: in the
 * end every object is as the specs say.
 */
export async function faults(signal: AbortSignal): Promise<readonly Measurement[]> {
  const world = await startLoadedWorld(SERVERS, SERVERS / 2);
  const proxy = await TcpProxy.start(world.cluster.url);
  const controller = await ControllerProcess.start(throughProxy(world, proxy));
  try {
    await createServers(world.admin, SERVERS, signal);
    await runningServers(world.admin, SERVERS, signal);
    const burst = new Burst(world);

    const [afterRestart] = await Promise.all([
      burst.run("blue", signal).then(() => converged(world, burst.expected, signal)),
      restartInTheMiddle(world, signal),
    ]);

    proxy.freeze();
    await burst.run("green", signal);
    await world.cluster.compact();
    await sleep(FROZEN_SECONDS * 1000, undefined, { signal });
    proxy.reset(); // or what waited in the connections would come through, and nothing would be lost
    proxy.heal();
    const afterSilence = await converged(world, burst.expected, signal);

    const log = new AuditLog(world.cluster.auditLogPath, CONTROLLER_USER);
    await log.whenQuiet(0);
    const settled = (await log.calls()).length;
    await sleep(20_000, undefined, { signal });
    const late = writesAmong((await log.calls()).slice(settled));
    return [
      differing("after a restart of the API server amid a burst of changes", afterRestart),
      differing(`after ${FROZEN_SECONDS} s of silence amid changes that etcd has forgotten`, afterSilence),
      { what: "writes when all is as it should be", measured: late.length, atMost: 0, detail: describeCalls(late) },
    ];
  } finally {
    await controller.stop();
    await proxy[Symbol.asyncDispose]();
    await world.stop();
  }
}

function differing(when: string, found: readonly string[]): Measurement {
  return {
    what: `objects not as the spec says ${when}`,
    measured: found.length,
    atMost: 0,
    detail: found.slice(0, 5).join("; "),
  };
}

/** The same world as the controller sees it: its way to the API server can be broken. */
function throughProxy(world: World, proxy: TcpProxy): World {
  const path = `${world.controllerKubeconfig}-through-proxy`; // beside the other one, and removed with it
  const text = readFileSync(world.controllerKubeconfig, "utf8");
  writeFileSync(path, text.replace(world.cluster.url, `https://127.0.0.1:${proxy.port}`), { mode: 0o600 });
  // Its lease would run out during the silence and the process end, as it should; this measures one that stays.
  const environment = { ...world.environment, LEADER_ELECTION_ENABLED: "false" };
  return { ...world, environment, controllerKubeconfig: path };
}

async function restartInTheMiddle({ cluster }: World, signal: AbortSignal): Promise<void> {
  await sleep(500, undefined, { signal });
  await cluster.apiServer.restart();
}

/** What is left to differ when nothing does, or after the time limit. */
async function converged(
  { admin }: World,
  expected: ReadonlyMap<string, ServerSpec>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const deadline = performance.now() + CONVERGED_SECONDS * 1000;
  for (;;) {
    const list = async (kind: Kind): Promise<readonly KubeObject[]> =>
      (await admin.list(kind, { namespace: NAMESPACE }, signal)).items;
    const [servers = [], ...children] = await Promise.all([SERVER_KIND, ...childKinds].map(list));
    const found = differences(
      expected,
      servers,
      new Map(childKinds.map(({ kind }, index) => [kind, children[index] ?? []])),
    );
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(2000, undefined, { signal });
  }
}

/** Changes that people make all at once: each server gets one, by its number. */
class Burst {
  readonly expected = new Map<string, ServerSpec>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    for (let index = 0; index < SERVERS; index += 1) this.expected.set(`server-${index}`, UNCHANGED);
  }

  /** Recreates a tenth of the servers, deletes a tenth, and changes the others. @param team a label they all get */
  async run(team: string, signal: AbortSignal): Promise<void> {
    await Promise.all(
      [...this.expected].map(([name, spec], index) => this.#change(name, index, { ...spec, team }, signal)),
    );
  }

  async #change(name: string, index: number, spec: ServerSpec, signal: AbortSignal): Promise<void> {
    const { admin } = this.#world;
    await sleep(index * 10, undefined, { signal }); // a second for all: some before and some after the fault
    const ref = { namespace: NAMESPACE, name };
    if (index % 10 === 0) {
      await insist(() => admin.remove(SERVER_KIND, ref, {}, signal));
      this.expected.delete(name);
      const next = `${name}-${spec.team}`;
      await insist(() => admin.apply(SERVER_KIND, withSpec(next, { ...UNCHANGED, team: spec.team }), BY_US, signal));
      this.expected.set(next, { ...UNCHANGED, team: spec.team });
      return;
    }
    const changed = {
      ...spec,
      hibernated: index % 3 === 0 ? !spec.hibernated : spec.hibernated,
      image: `image-${index}:${spec.team}`,
    };
    await insist(() => admin.apply(SERVER_KIND, withSpec(name, changed), BY_US, signal));
    this.expected.set(name, changed);
  }
}

const UNCHANGED: ServerSpec = { team: undefined, hibernated: false, image: undefined };

const BY_US = { fieldManager: "bench", force: true };

function withSpec(name: string, { team, hibernated, image }: ServerSpec): object {
  const server = aServer(name) as { readonly metadata: object; readonly spec: object }; // its own form
  return {
    ...server,
    metadata: { ...server.metadata, labels: { team } },
    spec: { ...server.spec, jupyterServer: { hibernated, ...(image === undefined ? {} : { image }) } },
  };
}

/** A person whose command fails tries again. */
async function insist(action: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await action();
      return;
    } catch (error) {
      if (isNotFound(error)) return; // it is gone, though the answer was lost
      if (attempt === 60) throw error;
      await sleep(500);
    }
  }
}
