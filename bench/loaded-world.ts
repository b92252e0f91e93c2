import { setTimeout as sleep } from "node:timers/promises";
import type { ServerState } from "@amalthea/api";
import { Informer, type Kind, type KubeClient, kinds } from "@amalthea/kube";
import { SERVER_KIND } from "../controller/src/kinds.ts";
import { startWorld, type World } from "../test/integration/controller/world.ts";

/** Where the servers are. */
export const NAMESPACE = "bench";

const STORAGE_CLASS = "bench";

/** Calls in flight at a time: as many users press "start" at once. */
const CONCURRENT_USERS = 50;

/**
 * The chart on an API server with nodes for so many pods, and a volume for the claim of each server.
 *
 * @param spare volumes and room for servers with names of their own. Default 0.
 */
export async function startLoadedWorld(servers: number, spare = 0): Promise<World> {
  const world = await startWorld(["scope.clusterWide=true"], {
    fakeNodes: Math.ceil((servers + spare) / 100), // each takes 110 pods
    // Their default of 20 calls a second would be what is measured.
    controllerManagerFlags: ["--kube-api-qps=1000", "--kube-api-burst=1000", "--concurrent-statefulset-syncs=20"],
    apiServerFlags: ["--audit-log-maxsize=4000"], // megabytes: one file, or calls would be missing
  });
  await world.makeNamespace(NAMESPACE);
  // To look for a volume that fits takes the longer the more there are, and would be what is measured.
  const bound = Array.from({ length: servers }, (_, index) => aVolume(index, { name: nameOf(index) }));
  const free = Array.from({ length: spare }, (_, index) => aVolume(servers + index));
  await world.cluster.kubectl(["create", "-f", "-"], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: [...bound, ...free] }),
  });
  return world;
}

function aVolume(index: number, claim?: { readonly name: string }): object {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `volume-${index}` },
    spec: {
      storageClassName: STORAGE_CLASS,
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      hostPath: { path: "/nowhere" },
      ...(claim === undefined ? {} : { claimRef: { namespace: NAMESPACE, ...claim } }),
    },
  };
}

const nameOf = (index: number, prefix = "server"): string => `${prefix}-${index}`;

/** Makes servers as many users do who press "start" at once. @param prefix of their names; default: those with volumes */
export async function createServers(
  admin: KubeClient,
  servers: number,
  signal: AbortSignal,
  prefix?: string,
): Promise<void> {
  await forEach(servers, prefix, (name) => admin.create(SERVER_KIND, aServer(name), {}, signal));
}

/** Removes servers, and comes back when their pods are gone. */
export async function removeServers(
  admin: KubeClient,
  servers: number,
  signal: AbortSignal,
  prefix?: string,
): Promise<void> {
  await forEach(servers, prefix, (name) => admin.remove(SERVER_KIND, { namespace: NAMESPACE, name }, {}, signal));
  const inNamespace = { namespace: NAMESPACE };
  const pods = async (): Promise<number> => (await admin.list(kinds.Pod as Kind, inNamespace, signal)).items.length;
  while ((await pods()) > 0) await sleep(500, undefined, { signal });
}

/** Changes them all in the same way. @param body of a merge patch */
export async function patchServers(
  admin: KubeClient,
  servers: number,
  body: object,
  signal: AbortSignal,
): Promise<void> {
  await forEach(servers, undefined, (name) =>
    admin.patch(SERVER_KIND, { namespace: NAMESPACE, name }, { kind: "Merge", body }, {}, signal),
  );
}

async function forEach(
  servers: number,
  prefix: string | undefined,
  work: (name: string) => Promise<unknown>,
): Promise<void> {
  const names = Array.from({ length: servers }, (_, index) => nameOf(index, prefix));
  const workOnNext = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) await work(name);
  };
  await Promise.all(Array.from({ length: CONCURRENT_USERS }, workOnNext));
}

/** A token-mode server with a volume. */
export function aServer(name: string): object {
  return {
    apiVersion: SERVER_KIND.apiVersion,
    kind: SERVER_KIND.kind,
    metadata: { namespace: NAMESPACE, name },
    spec: {
      routing: { host: "hub.example.org", path: `/${name}` },
      storage: { size: "1Gi", pvc: { enabled: true, storageClassName: STORAGE_CLASS } },
    },
  };
}

/** How many run when all do, or when no further one has begun to for three minutes. */
export async function runningServers(
  admin: KubeClient,
  servers: number,
  signal: AbortSignal,
  prefix?: string,
): Promise<number> {
  return await serversInState(admin, servers, "running", signal, prefix);
}

/** How many have this state when all do, or when no further one has got it for three minutes. */
export async function serversInState(
  admin: KubeClient,
  servers: number,
  state: ServerState,
  signal: AbortSignal,
  prefix = "server",
): Promise<number> {
  const over = new AbortController();
  // A watch: lists of so many servers, again and again, would keep the API server as busy as all that is measured.
  const informer = new Informer({ client: admin, kind: SERVER_KIND, namespaces: [NAMESPACE] });
  const watched = informer.run(AbortSignal.any([signal, over.signal]));
  const isThere = (server: object): boolean => (server as { status?: { state?: string } }).status?.state === state; // of the CRD
  try {
    let counted = 0;
    for (let since = performance.now(); performance.now() < since + 180_000; await sleep(500, undefined, { signal })) {
      const named = [...informer.store.list()].filter(({ metadata }) => metadata.name.startsWith(`${prefix}-`));
      const now = named.filter(isThere).length;
      if (now > counted) since = performance.now();
      counted = now;
      if (counted === servers) break;
    }
    return counted;
  } finally {
    over.abort();
    await watched;
  }
}
