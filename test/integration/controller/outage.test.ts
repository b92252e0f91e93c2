import { freePort } from "@amalthea/cluster";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startOperator } from "./operator.ts";
import { childKinds, eventually, User } from "./servers.ts";
import { startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"], { controllerManager: false });
});

afterAll(() => world?.stop());

const elected = { LEADER_ELECTION_ENABLED: "true" };

/** Status and text of a probe. */
async function probe(port: number, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: answer.status, text: await answer.text() };
}

async function untilAllChildrenOf(user: User, name: string): Promise<void> {
  await eventually(async () => expect(await user.childrenOf(name)).toHaveLength(childKinds.length));
}

it("waits for an API server that is away when it starts, says so to its probes and in its log, and then leads", async () => {
  await world.cluster.apiServer.stop();
  const healthPort = await freePort();
  const operator = await startOperator(world, { environment: { ...elected, HEALTH_PORT: String(healthPort) } });
  await eventually(async () => {
    expect((await probe(healthPort, "/readyz")).text).toContain("the API server does not respond");
    // Two attempts, so that it has waited between them.
    expect(
      operator.complaints.filter((line) => line.startsWith("the API server does not respond")).length,
    ).toBeGreaterThanOrEqual(2);
  });
  expect((await probe(healthPort, "/healthz")).status).toBe(200);
  await world.cluster.apiServer.start();
  await operator.leading;
  expect((await probe(healthPort, "/readyz")).status).toBe(200);
  await operator.stop();
});

it("stands by when the API server is away for longer than its lease lasts, and leads again when that is back", async () => {
  const healthPort = await freePort();
  const operator = await startOperator(world, { environment: { ...elected, HEALTH_PORT: String(healthPort) } });
  await operator.leading;
  const user = new User(world.admin, await world.makeNamespace("outage"));
  await user.create("before");
  await untilAllChildrenOf(user, "before");
  await world.cluster.apiServer.stop();
  const isStandingBy = (line: string): boolean => line.startsWith("leadership lost; standing by");
  await eventually(async () => expect(operator.complaints.some(isStandingBy)).toBe(true));
  expect(await operator.metric("amalthea_leader")).toBe(0);
  await eventually(async () => {
    expect((await probe(healthPort, "/readyz")).text).toContain("the API server does not respond");
  });
  expect((await probe(healthPort, "/healthz")).status).toBe(200);
  await world.cluster.apiServer.start();
  await user.create("after");
  await untilAllChildrenOf(user, "after");
  expect((await probe(healthPort, "/healthz")).status).toBe(200);
  await operator.stop();
});

it("keeps nothing in the queue of a standby replica, which reconciles everything once it leads", async () => {
  const leader = await startOperator(world, { environment: elected });
  await leader.leading;
  const standby = await startOperator(world, { environment: elected });
  const user = new User(world.admin, await world.makeNamespace("standby"));
  await user.create("first");
  await untilAllChildrenOf(user, "first");
  await eventually(async () =>
    expect(await standby.metric("amalthea_cache_objects")).toBeGreaterThan(childKinds.length),
  );
  expect(await standby.metric("amalthea_queue_adds_total")).toBe(0);
  expect(await standby.metric("amalthea_queue_depth")).toBe(0);
  await leader.kill();
  await user.create("second");
  await standby.leading;
  await untilAllChildrenOf(user, "second");
  expect(await standby.metric("amalthea_queue_adds_total")).toBeGreaterThan(0);
  await standby.stop();
});
