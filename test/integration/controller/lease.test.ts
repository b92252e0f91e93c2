import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { startOperator } from "./operator.ts";
import { eventually, User } from "./servers.ts";
import { startWorld, type World } from "./world.ts";

/** More than the controller has workers, or its client connections. */
const SERVERS = 20;

let world: World;

beforeAll(async () => {
  world = await startWorld([], { controllerManager: false });
});

afterAll(() => world?.stop());

/** The world with this address for its API server. */
function worldAt(url: string): World {
  const controllerKubeconfig = `${world.controllerKubeconfig}-elsewhere`;
  const text = readFileSync(world.controllerKubeconfig, "utf8").replace(world.cluster.url, url);
  writeFileSync(controllerKubeconfig, text, { mode: 0o600 });
  return { ...world, controllerKubeconfig };
}

it("stays the leader while every worker waits for a write that nobody answers", async () => {
  const { url, certificateAuthority: ca } = world.cluster;
  const proxy = await FaultProxy.start({ url, ca });
  const count = (wanted: string, folder: string): number =>
    proxy.seen.filter(({ method, url: { pathname } }) => method === wanted && pathname.includes(folder)).length;
  const operator = await startOperator(worldAt(proxy.url), { environment: { LEADER_ELECTION_ENABLED: "true" } });
  try {
    await operator.leading;
    // As with an admission webhook that is down: whatever is not written to passes.
    proxy.fault = ({ method }) => (method === "PATCH" ? { kind: "Silence" } : undefined);
    const user = new User(world.admin, "amalthea");
    await Promise.all(Array.from({ length: SERVERS }, (_, index) => user.create(`server-${index}`)));
    await eventually(async () => expect(count("PATCH", "/amalthea/")).toBeGreaterThanOrEqual(16));
    const before = count("PUT", "/leases/");
    // One every 2 seconds: six take longer than a leader may go without.
    const renewals = eventually(async () => expect(count("PUT", "/leases/") - before).toBeGreaterThanOrEqual(6));
    await Promise.race([renewals, operator.finished]);
    expect(count("PUT", "/leases/") - before).toBeGreaterThanOrEqual(6);
  } finally {
    await proxy[Symbol.asyncDispose](); // ends the writes that wait
    await operator.kill();
  }
});
