import { randomBytes } from "node:crypto";
import type { ControlPlane } from "@amalthea/cluster";
import { createClient, type KubeClient, type KubeConfig, kinds, type KubeObject, type Store } from "@amalthea/kube";

/** How a test reaches the control plane as its administrator; `server` in place of the real address for a proxy. */
export function configOf(controlPlane: ControlPlane, server: string = controlPlane.url): KubeConfig {
  return {
    server,
    namespace: "default",
    readCa: async () => controlPlane.certificateAuthority,
    readToken: async () => controlPlane.adminToken,
  };
}

/** A client of the administrator. */
export function clientOf(controlPlane: ControlPlane, server?: string): KubeClient {
  return createClient({ config: configOf(controlPlane, server), userAgent: "kube-test/1" });
}

/** A signal for calls that nobody ends. */
export const forever: AbortSignal = new AbortController().signal;

/** Makes a namespace of its own for a test. @returns Its name. */
export async function aNamespace(client: KubeClient): Promise<string> {
  const name = `test-${randomBytes(4).toString("hex")}`;
  await client.create(kinds.Namespace, { metadata: { name } }, {}, forever);
  return name;
}

/** Creates ConfigMaps of these names. */
export async function createMaps(client: KubeClient, namespace: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) await client.create(kinds.ConfigMap, { metadata: { namespace, name } }, {}, forever);
}

/** Removes ConfigMaps of these names. */
export async function removeMaps(client: KubeClient, namespace: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) await client.remove(kinds.ConfigMap, { namespace, name }, {}, forever);
}

/** The names in a store, in their order. */
export function namesIn<T extends KubeObject>(store: Store<T>): string[] {
  return [...store.list()].map((object) => object.metadata.name).toSorted();
}

/** Resolves as soon as the store holds exactly these names. The time limit of the test is the limit of the wait. */
export async function untilNames<T extends KubeObject>(store: Store<T>, ...names: readonly string[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = (): void => {
    if (namesIn(store).join() === names.toSorted().join()) resolve();
  };
  const unsubscribe = store.subscribe(check);
  check();
  await promise;
  unsubscribe();
}

/** Resolves as soon as `condition` holds, checked every 20 ms: for what no event tells. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
