import { cpSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { startControlPlane } from "@amalthea/cluster";
import { Informer, kinds } from "@amalthea/kube";
import { expect, it } from "vitest";
import { aNamespace, clientOf, createMaps, forever, namesIn, removeMaps, untilNames } from "./fixture.ts";

it("shows what is there after etcd was restored from a backup, although versions went back, and follows it from then on", async () => {
  await using controlPlane = await startControlPlane();
  const { apiServer, etcd } = controlPlane;
  const client = clientOf(controlPlane);
  const namespace = await aNamespace(client);
  await createMaps(client, namespace, "kept", "removed");
  const data = join(dirname(controlPlane.kubeconfig), "etcd");
  const offline = async (work: () => void): Promise<void> => {
    await apiServer.stop(); // in good order it would wait a minute for the informer
    await etcd.stop("SIGTERM");
    work();
    await etcd.start();
    await apiServer.start();
  };
  await offline(() => cpSync(data, `${data}.backup`, { recursive: true }));

  const informer = new Informer({ client, kind: kinds.ConfigMap, namespaces: [namespace] });
  const controller = new AbortController();
  const running = informer.run(controller.signal);
  await removeMaps(client, namespace, "removed");
  await createMaps(client, namespace, ...Array.from({ length: 50 }, (_, index) => `lost-${index}`));
  await client.patch(
    kinds.ConfigMap,
    { namespace, name: "kept" },
    { kind: "Merge", body: { data: { a: "1" } } },
    {},
    forever,
  );
  await informer.store.waitForSync(forever);
  expect(namesIn(informer.store)).toHaveLength(51);

  await offline(() => {
    rmSync(data, { recursive: true });
    cpSync(`${data}.backup`, data, { recursive: true });
  });
  await untilNames(informer.store, "kept", "removed");
  expect([...informer.store.list()].map((map) => map.data)).toEqual([undefined, undefined]);
  await createMaps(client, namespace, "new");
  await untilNames(informer.store, "kept", "removed", "new");
  controller.abort();
  await running;
  await client.close();
});
