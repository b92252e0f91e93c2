import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { startOperator } from "./operator.ts";
import { childKinds, conditionOf, eventually, User } from "./servers.ts";
import { startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"], { controllerManager: false });
});

afterAll(() => world?.stop());

/** The world with this address for its API server. */
function worldAt(url: string): World {
  const controllerKubeconfig = `${world.controllerKubeconfig}-elsewhere`;
  const text = readFileSync(world.controllerKubeconfig, "utf8").replace(world.cluster.url, url);
  writeFileSync(controllerKubeconfig, text, { mode: 0o600 });
  return { ...world, controllerKubeconfig };
}

async function untilAllChildrenOf(user: User, name: string): Promise<void> {
  await eventually(async () => expect(await user.childrenOf(name)).toHaveLength(childKinds.length));
}

it("says in a condition of the one server that its reconcile fails, does not try again and again, and reconciles the others", async () => {
  const { url, certificateAuthority: ca } = world.cluster;
  await using proxy = await FaultProxy.start({ url, ca });
  const user = new User(world.admin, await world.makeNamespace("failing"));
  const isOfBroken = (pathname: string): boolean => /failing\/[a-z]+\/broken$/.test(pathname);
  // An answer that is not JSON: what reads it throws, and not one of our own errors.
  proxy.fault = ({ method, url: { pathname } }) =>
    method === "PATCH" && isOfBroken(pathname) && !pathname.includes("jupyterservers")
      ? { kind: "Stream", text: "<html>secret-value" }
      : undefined;
  const operator = await startOperator(worldAt(proxy.url));
  await operator.leading;
  await user.create("broken");
  await user.create("whole");
  await untilAllChildrenOf(user, "whole");
  const broken = await user.until("broken", (server) => conditionOf(server, "Stalled") !== undefined);
  expect(conditionOf(broken, "Stalled")).toMatchObject({ status: "True", reason: "ReconcileFailed" });
  expect(JSON.stringify(broken.status)).not.toContain("secret-value");
  const writes = proxy.seen.filter(({ method, url: { pathname } }) => method === "PATCH" && isOfBroken(pathname));
  expect(writes.length).toBeLessThan(6); // the first try, and what its own condition and first child set off
  proxy.fault = () => undefined;
  await untilAllChildrenOf(user, "broken");
  await user.until("broken", (server) => conditionOf(server, "Stalled") === undefined);
  await operator.stop();
});
