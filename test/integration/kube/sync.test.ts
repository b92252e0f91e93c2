import { monitorEventLoopDelay } from "node:perf_hooks";
import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { Informer, type KubeClient, kinds } from "@amalthea/kube";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aNamespace, clientOf, forever } from "./fixture.ts";

const OBJECTS = 10_000;

let controlPlane: ControlPlane;
let client: KubeClient;
let namespace: string;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = clientOf(controlPlane);
  namespace = await aNamespace(client);
  const data = { text: "x".repeat(3_000) };
  let next = 0;
  const create = async (): Promise<void> => {
    for (let index = next++; index < OBJECTS; index = next++) {
      await client.create(kinds.ConfigMap, { metadata: { namespace, name: `map-${index}` }, data }, {}, forever);
    }
  };
  await Promise.all(Array.from({ length: 16 }, create));
});
afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

/** The longest time for which nothing else could run, in milliseconds. */
async function longestBlockMs(run: () => Promise<void>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  delay.enable();
  await run();
  await new Promise((resolve) => setTimeout(resolve, 5)); // the block before it is told only after it
  delay.disable();
  return delay.max / 1e6;
}

it(`${OBJECTS} objects reach the store without holding up the process for half as long as one list would`, async () => {
  const listBlockMs = await longestBlockMs(async () => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const list = JSON.parse(await client.getText(path, forever)) as { readonly items: readonly unknown[] };
    expect(list.items).toHaveLength(OBJECTS);
  });
  const informer = new Informer({ client, kind: kinds.ConfigMap, namespaces: [namespace] });
  const controller = new AbortController();
  let running: Promise<void> | undefined;
  const syncBlockMs = await longestBlockMs(async () => {
    running = informer.run(controller.signal);
    await informer.store.waitForSync(forever);
  });
  expect(informer.store.size).toBe(OBJECTS);
  expect(syncBlockMs / listBlockMs).toBeLessThan(0.5);
  controller.abort();
  await running;
});
