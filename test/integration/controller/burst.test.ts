import type { JupyterServer } from "@amalthea/api";
import { Informer, type KubeClient, kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { asServer } from "../../../controller/src/observe/caches.ts";
import { laneOf } from "../../../controller/src/reconcile/lane.ts";
import { startOperator } from "./operator.ts";
import { childKinds, eventually, readyPatch, User } from "./servers.ts";
import { controllerCalls, controllerWrites, startWorld, type World } from "./world.ts";

const SERVERS = 200;

let world: World;

beforeAll(async () => {
  // Its default of 20 calls a second would be what this test measures.
  world = await startWorld(["scope.clusterWide=true"], {
    controllerManagerFlags: ["--kube-api-qps=1000", "--kube-api-burst=1000", "--concurrent-statefulset-syncs=20"],
  });
});

afterAll(() => world?.stop());

/** Reports every pod as ready as soon as it appears, as a kubelet does in the end. */
function playKubelet(client: KubeClient, signal: AbortSignal): Promise<void> {
  const pods = new Informer({ client, kind: kinds.Pod });
  pods.store.subscribe(({ current, previous }) => {
    if (current === undefined || previous !== undefined) return;
    // The pod may be gone by then.
    client
      .patch(kinds.Pod, current.metadata, readyPatch(current), { subresource: "status" }, signal)
      .catch(() => undefined);
  });
  return pods.run(signal);
}

async function serversIn(world: World): Promise<readonly (JupyterServer | undefined)[]> {
  const { items } = await world.admin.list(SERVER_KIND, { namespace: "burst" }, new AbortController().signal);
  return items.map(asServer);
}

async function lanes(world: World): Promise<ReadonlySet<string>> {
  return new Set((await serversIn(world)).map((server) => laneOf(server, false)));
}

describe(`${SERVERS} servers at once`, () => {
  it("are new to the queue until they have been told of, all run, each child is written once, and neither rest nor a restart costs a write", async () => {
    const stop = new AbortController();
    const kubelet = playKubelet(world.admin, stop.signal);
    const user = new User(world.admin, await world.makeNamespace("burst"));
    await user.create("server-0");
    expect(await lanes(world)).toEqual(new Set(["Normal"]));
    const operator = await startOperator(world);
    await operator.leading;
    await Promise.all(Array.from({ length: SERVERS - 1 }, (_, index) => user.create(`server-${index + 1}`)));
    await eventually(async () => {
      const running = (await serversIn(world)).filter((server) => server?.status?.state === "running");
      expect(running).toHaveLength(SERVERS);
    }, 120_000);
    await operator.idle();
    expect(await lanes(world)).toEqual(new Set(["Urgent"]));

    const writes = controllerWrites(world);
    const ofChildren = writes.filter(({ subresource }) => subresource === "");
    const ofStatus = writes.filter(({ subresource }) => subresource === "status");
    expect(ofChildren.length).toBe(SERVERS * childKinds.length);
    expect(new Set(ofChildren.map(({ resource, name }) => `${resource}/${name}`)).size).toBe(ofChildren.length);
    expect(ofStatus.length).toBeLessThanOrEqual(3 * SERVERS);
    // Without a resource: the question whether the API server answers.
    const isRead = (verb: string, resource: string): boolean => verb === "get" && !["leases", ""].includes(resource);
    expect(controllerCalls(world).filter(({ verb, resource }) => isRead(verb, resource))).toEqual([]);

    await operator.stop();
    const next = await startOperator(world);
    await next.leading;
    await next.idle();
    expect(controllerWrites(world).slice(writes.length)).toEqual([]);
    await next.stop();
    stop.abort();
    await kubelet;
  }, 240_000);
});
