import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { Informer, type KubeClient, kinds } from "@amalthea/kube";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultProxy } from "./fault-proxy.ts";
import { aNamespace, clientOf, createMaps, forever, removeMaps, until, untilNames } from "./fixture.ts";

let controlPlane: ControlPlane;
let direct: KubeClient;

beforeAll(async () => {
  controlPlane = await startControlPlane({ apiServerFlags: ["--feature-gates=WatchList=false"] });
  direct = clientOf(controlPlane);
});
afterAll(async () => {
  await direct.close();
  await controlPlane.stop();
});

it("an API server without WatchList is asked for a stream once, and then listed and watched", async () => {
  await using proxy = await FaultProxy.start({ url: controlPlane.url, ca: controlPlane.certificateAuthority });
  const client = clientOf(controlPlane, proxy.url);
  const namespace = await aNamespace(direct);
  await createMaps(direct, namespace, "first");
  const informer = new Informer({ client, kind: kinds.ConfigMap, namespaces: [namespace] });
  const controller = new AbortController();
  const running = informer.run(controller.signal);
  await informer.store.waitForSync(forever);
  await createMaps(direct, namespace, "second");
  await removeMaps(direct, namespace, "first");
  await untilNames(informer.store, "second");
  expect(proxy.readsOf("configmaps")).toEqual(["stream", "list", "watch"]);

  // Having lost its place it lists at once: the refusal is remembered.
  const before = proxy.seen.length;
  let refusals = 1;
  proxy.fault = ({ isWatch }) =>
    isWatch && refusals-- > 0 ? { kind: "Answer", code: 410, reason: "Expired" } : undefined;
  proxy.endWatches();
  await until(() => proxy.readsOf("configmaps", before).includes("list"));
  await createMaps(direct, namespace, "third");
  await untilNames(informer.store, "second", "third");
  await until(() => proxy.readsOf("configmaps", before).length >= 3);
  expect(proxy.readsOf("configmaps", before)).toEqual(["watch", "list", "watch"]);
  controller.abort();
  await running;
  await client.close();
});
