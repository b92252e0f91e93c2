import { find, get, kubectl, until } from "./cluster.ts";
import type { Condition, ServerObject, TestServer } from "./server.ts";

/** The parts of a pod that these tests look at. */
export type PodObject = {
  readonly metadata: { readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly resources: unknown }[];
    readonly volumes: readonly { readonly name: string; readonly emptyDir?: { readonly sizeLimit?: string } }[];
  };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean }[];
  };
};

/** The server's pod; undefined if there is none. */
export async function podOf(server: TestServer): Promise<PodObject | undefined> {
  return await find<PodObject>("pod", `${server.name}-0`, server.namespace);
}

/** Waits until a condition is there with this reason, and returns it. */
export async function untilReason(
  server: TestServer,
  type: string,
  reason: string,
  seconds = 240,
): Promise<Condition | undefined> {
  return until(
    () => server.condition(type),
    (condition) => condition?.reason === reason,
    seconds,
  );
}

/** Waits until a condition that does not always apply is gone. */
export async function untilWithout(server: TestServer, type: string, seconds = 240): Promise<void> {
  await until(
    () => server.condition(type),
    (condition) => condition === undefined,
    seconds,
  );
}

/** Waits until the controller has said what it makes of the latest spec. */
export async function untilObserved(server: TestServer): Promise<ServerObject> {
  return until(
    () => server.read(),
    ({ metadata, status }) => status?.observedGeneration === metadata.generation,
  );
}

/** Waits until the server is Ready with another pod than this one. */
export async function untilRestarted(server: TestServer, podUid: string): Promise<void> {
  await until(
    async () => ({ pod: (await podOf(server))?.metadata.uid, ready: (await server.condition("Ready"))?.status }),
    ({ pod, ready }) => pod !== undefined && pod !== podUid && ready === "True",
    240,
  );
}

/** Waits until the server has no pod. */
export async function untilWithoutPod(server: TestServer): Promise<void> {
  await until(
    () => podOf(server),
    (pod) => pod === undefined,
  );
}

/** Runs a shell command in the container `jupyter-server` and returns what it printed. */
export async function inServer(server: TestServer, command: string): Promise<string> {
  const target = [`${server.name}-0`, "-n", server.namespace, "-c", "jupyter-server"];
  return (await kubectl(["exec", ...target, "--", "sh", "-c", command])).trim();
}

/** Reads one field of an object of the server's name, by JSON path; empty if it, or the object, is absent. */
export async function field(kind: string, server: TestServer, path: string): Promise<string> {
  const output = ["-o", `jsonpath={${path}}`, "--ignore-not-found"];
  return kubectl(["get", kind, server.name, "-n", server.namespace, ...output]);
}

/** An object of the server's name that a test looks at as a whole. */
export async function childOf<T>(kind: string, server: TestServer): Promise<T> {
  return get<T>(kind, server.name, server.namespace);
}
