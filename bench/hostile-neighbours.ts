import { jupyterServerCrd, LABELS, VERSION } from "@amalthea/api";
import { type Kind, type KubeClient, kinds } from "@amalthea/kube";
import { SERVER_KIND } from "../controller/src/kinds.ts";
import { ControllerProcess, MEMORY_LIMIT } from "./controller-process.ts";
import { installCrd } from "../test/integration/api/resource.ts";
import type { World } from "../test/integration/controller/world.ts";
import { createServers, NAMESPACE, removeServers, runningServers, startLoadedWorld } from "./loaded-world.ts";
import { watchReadyLags } from "./ready-lag.ts";
import { type Measurement, median } from "./report.ts";

const HONEST = 200;

/** One round alone says little: on the same machine the ratio of two rounds is sometimes 1.2 and sometimes 2.4. */
const ROUNDS = 3;

/** And one that is not measured, while the controller's code is compiled. */
const ALL_ROUNDS = 2 * ROUNDS + 1;

const HOSTILE = 5_000;

/** Of each hostile object, in one patch that cannot be applied. */
const HOSTILE_BYTES = 20_000;

/** Further hostile servers, each almost as large as the API server takes. */
const LARGE = 300;
const LARGE_BYTES = 1_000_000;

/** Pods that carry our label, each with annotations of `HOSTILE_BYTES`, and as many Events about them. */
const LABELLED = 3_000;

/** Changes of hostile objects that are under way at a time. */
const HOSTILE_WRITERS = 4;

/** Of the same kind under another name, which nobody reconciles: what its objects cost the API server is the same. */
const BYSTANDER_GROUP = "bystander.example.org";
const BYSTANDER_KIND: Kind = { ...SERVER_KIND, apiVersion: `${BYSTANDER_GROUP}/${VERSION}` };

/**
 * 200 servers of one namespace beside 5,000 objects of another, each large, invalid, and changed again and again, some of a
 * megabyte, and thousands of pods and Events that look like those of servers. Compared with as many objects of the same schema
 * that do not concern the controller, changed as well: what is measured is the controller, not the API server that both share.
 */
export async function hostileNeighbours(signal: AbortSignal): Promise<readonly Measurement[]> {
  const world = await startLoadedWorld(0, ALL_ROUNDS * HONEST);
  const controller = await ControllerProcess.start(world);
  const { admin } = world;
  try {
    for (const namespace of ["quiet", "hostile"]) await world.makeNamespace(namespace);
    await makeBystanderKind(world);
    await createAll(admin, BYSTANDER_KIND, HOSTILE, aBystander, signal);
    const quiet = changing(admin, BYSTANDER_KIND, "quiet");
    await measure(admin, "first", quiet, signal);
    const without = await measureRounds(admin, "without", quiet, signal);
    await createAll(admin, SERVER_KIND, HOSTILE, aHostileServer, signal);
    await createAll(admin, SERVER_KIND, LARGE, aLargeServer, signal);
    await createAll(admin, kinds.Pod as Kind, LABELLED, aLabelledPod, signal);
    await createAll(admin, kinds.CoreEvent as Kind, LABELLED, anEvent, signal);
    const memory = controller.memory();
    const beside = await measureRounds(admin, "beside", changing(admin, SERVER_KIND, "hostile"), signal);
    return [
      {
        what: `servers of ${HONEST} that do not run beside them, in any round`,
        measured: HONEST - Math.min(...beside.map(({ running }) => running)),
        atMost: 0,
      },
      {
        ...{ what: "median time until a server runs, beside hostile objects, as a ratio to without", atMost: 1.5 },
        measured: ratio(beside, without, ({ median }) => median),
        detail: `${describeRounds(beside)} beside, ${describeRounds(without)} without`,
      },
      {
        ...{ what: "time until the last one runs, as a ratio", atMost: 1.5 },
        measured: ratio(beside, without, ({ last }) => last),
      },
      {
        ...{ what: "median from pod Ready to server Ready beside them", unit: "s", atMost: 3 },
        measured: median(beside.map(({ lag }) => lag)),
      },
      { what: "resident memory with all hostile objects", measured: memory.resident, unit: "MiB" },
      {
        ...{ what: "its peak in the end", measured: controller.memory().peak, unit: "MiB" },
        atMost: MEMORY_LIMIT,
      },
    ];
  } finally {
    await controller.stop();
    await world.stop();
  }
}

type Figures = {
  readonly running: number;
  readonly median: number;
  readonly last: number;
  readonly lag: number;
  readonly changes: number;
};

async function measureRounds(
  admin: KubeClient,
  prefix: string,
  change: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<readonly Figures[]> {
  const rounds: Figures[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push(await measure(admin, `${prefix}-${round}`, change, signal));
  }
  return rounds;
}

/** Of the medians over the rounds. */
function ratio(beside: readonly Figures[], without: readonly Figures[], figure: (round: Figures) => number): number {
  return median(beside.map(figure)) / median(without.map(figure));
}

function describeRounds(rounds: readonly Figures[]): string {
  return rounds
    .map((round) => `${round.median.toFixed(1)} s (last ${round.last.toFixed(1)} s, ${round.changes} changes)`)
    .join(", ");
}

/** Makes 200 servers while `change` is called without a pause, and removes them. */
async function measure(
  admin: KubeClient,
  prefix: string,
  change: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<Figures> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  let changes = 0;
  const write = async (): Promise<void> => {
    while (!stop.aborted) {
      await change(stop).catch(() => undefined); // at the end, or because the API server has too much to do
      changes += 1;
    }
  };
  const writers = Array.from({ length: HOSTILE_WRITERS }, write);
  const lags = watchReadyLags(admin, NAMESPACE, signal);
  const start = performance.now();
  await createServers(admin, HONEST, signal, prefix);
  const running = await runningServers(admin, HONEST, signal, prefix);
  over.abort();
  await Promise.all(writers);
  await lags.stop();
  const seconds = lags.readyAfter(prefix, start);
  await removeServers(admin, HONEST, signal, prefix);
  return {
    running,
    median: median(seconds),
    last: Math.max(...seconds),
    lag: median(lags.seconds(prefix)),
    changes,
  };
}

/** Changes one object after the other, in turns. */
function changing(admin: KubeClient, kind: Kind, namespace: string): (signal: AbortSignal) => Promise<void> {
  let turn = 0;
  return async (signal) => {
    const name = `object-${turn++ % HOSTILE}`;
    await admin.patch(kind, { namespace, name }, { kind: "Merge", body: aChange(turn) }, {}, signal);
  };
}

async function createAll(
  admin: KubeClient,
  kind: Kind,
  count: number,
  manifestOf: (name: string) => object,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  const create = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      await admin.create(kind, manifestOf(`object-${index}`), {}, signal);
    }
  };
  await Promise.all(Array.from({ length: 16 }, create));
}

const filler = "x".repeat(HOSTILE_BYTES);

/** The chart's CRD under another group. */
async function makeBystanderKind({ cluster }: World): Promise<void> {
  const { spec } = jupyterServerCrd;
  const metadata = { name: `${SERVER_KIND.plural}.${BYSTANDER_GROUP}` };
  const names = { ...spec.names, shortNames: [], categories: [] };
  await installCrd(cluster, { ...jupyterServerCrd, metadata, spec: { ...spec, group: BYSTANDER_GROUP, names } });
}

const aBystander = (name: string): object => anInvalidServer(BYSTANDER_KIND, "quiet", name);

const aHostileServer = (name: string): object => anInvalidServer(SERVER_KIND, "hostile", name);

function anInvalidServer({ apiVersion, kind }: Kind, namespace: string, name: string): object {
  const spec = { routing: { host: "hostile.example.org", path: `/${name}` }, patches: [aHostilePatch(0)] };
  return { apiVersion, kind, metadata: { namespace, name }, spec };
}

function aLargeServer(name: string): object {
  const { apiVersion, kind } = SERVER_KIND;
  const patch = [{ op: "replace", path: "/nothing/there", value: "x".repeat(LARGE_BYTES) }];
  const spec = {
    routing: { host: "hostile.example.org", path: `/large-${name}` },
    patches: [{ type: "application/json-patch+json", patch }],
  };
  return { apiVersion, kind, metadata: { namespace: "hostile", name: `large-${name}` }, spec };
}

function aLabelledPod(name: string): object {
  const labels = { [LABELS.parentUid]: "00000000-0000-4000-8000-000000000000" };
  const metadata = { namespace: "hostile", name, labels, annotations: { filler } };
  // Nobody schedules it: it takes no room from others.
  const spec = { schedulerName: "nobody", containers: [{ name: "x", image: "x" }] };
  return { apiVersion: "v1", kind: "Pod", metadata, spec };
}

function anEvent(name: string): object {
  return {
    ...{ apiVersion: "v1", kind: "Event", type: "Warning", reason: "Hostile", message: "x".repeat(1_000) },
    metadata: { namespace: "hostile", name },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "hostile", name, uid: name },
  };
}

/** Names another path each time, so that each change has to be told in the status. */
function aHostilePatch(turn: number): object {
  return {
    type: "application/json-patch+json",
    patch: [{ op: "replace", path: `/nothing-${turn}/there`, value: filler }],
  };
}

const aChange = (turn: number): object => ({ spec: { patches: [aHostilePatch(turn)] } });
