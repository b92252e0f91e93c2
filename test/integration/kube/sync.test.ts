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

/**
 * The longest turn of the event loop, in milliseconds of this thread's CPU time: other processes on the machine, which
 * would show in the time on the wall, have no part in it.
 */
async function longestTurnMs(run: () => Promise<void>): Promise<number> {
  let longestMs = 0;
  let before = process.threadCpuUsage();
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(before);
    longestMs = Math.max(longestMs, (user + system) / 1_000);
    before = process.threadCpuUsage();
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  await run();
  await new Promise((resolve) => setImmediate(resolve));
  clearImmediate(next);
  return longestMs;
}

it(`${OBJECTS} objects reach the store without holding up the process for half as long as one list would`, async () => {
  const listTurnMs = await longestTurnMs(async () => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const list = JSON.parse(await client.getText(path, forever)) as { readonly items: readonly unknown[] };
    expect(list.items).toHaveLength(OBJECTS);
  });
  const informer = new Informer({ client, kind: kinds.ConfigMap, namespaces: [namespace] });
  const controller = new AbortController();
  let running: Promise<void> | undefined;
  const syncTurnMs = await longestTurnMs(async () => {
    running = informer.run(controller.signal);
    await informer.store.waitForSync(forever);
  });
  expect(informer.store.size).toBe(OBJECTS);
  expect(syncTurnMs / listTurnMs).toBeLessThan(0.5);
  controller.abort();
  await running;
});
