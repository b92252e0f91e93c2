import type { LeaseSpec } from "kubernetes-types/coordination/v1.js";
import { kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { startOperator } from "./operator.ts";
import { childKinds, eventually, User } from "./servers.ts";
import { CONTROLLER_USER, controllerCalls, startWorld, type World } from "./world.ts";

let world: World;
let one: User;
let two: User;
let outside: User;

beforeAll(async () => {
  world = await startWorld(["scope.namespaces={one,two}"]);
  one = new User(world.admin, "one");
  two = new User(world.admin, "two");
  outside = new User(world.admin, await world.makeNamespace("outside"));
});

afterAll(() => world?.stop());

describe("a controller of two namespaces", () => {
  it("manages both through a server's whole life with the permissions of the chart, and does not touch a third", async () => {
    const operator = await startOperator(world);
    await operator.leading;
    await outside.create("alice");
    for (const user of [one, two]) {
      await user.create("alice");
      await user.makePodReady("alice");
      await user.until("alice", ({ status }) => status?.state === "running");
      await user.patchServer("alice", { spec: { jupyterServer: { resources: { requests: { cpu: "100m" } } } } });
      await user.hibernate("alice");
      await user.patchServer("alice", {
        spec: { jupyterServer: { hibernated: false }, storage: { pvc: { enabled: false } } },
      });
      await user.makePodReady("alice");
      await user.until("alice", ({ status }) => status?.state === "running");
      await user.remove(SERVER_KIND, "alice");
    }
    await operator.idle();
    expect(controllerCalls(world).filter(({ code }) => code === 403)).toEqual([]);
    expect(await outside.childrenOf("alice")).toEqual([]);
    expect((await outside.server("alice")).status?.state).toBeUndefined();
    await operator.stop();
  });

  it.each([
    "list secrets",
    "watch secrets",
    "delete secrets",
    "create pods",
    "create pods/exec",
    "get secrets --namespace=outside",
  ])("may not %s", async (what) => {
    const args = ["auth", "can-i", ...what.split(" "), `--as=${CONTROLLER_USER}`];
    const namespace = what.includes("--namespace") ? [] : ["--namespace=one"];
    await expect(world.cluster.kubectl([...args, ...namespace])).rejects.toThrow();
  });
});

describe("two replicas", () => {
  const withLease = { environment: { LEADER_ELECTION_ENABLED: "true" } };

  const leaseSpec = async (): Promise<LeaseSpec> =>
    (await new User(world.admin, "amalthea").get(kinds.Lease, "amalthea-controller")).spec ?? {};

  it("change over when the lease of a leader that died ends, 15 seconds later, and no server is left out", async () => {
    const first = await startOperator(world, withLease);
    await first.leading;
    const second = await startOperator(world, withLease);
    await one.create("before");
    await eventually(async () => expect(await one.childrenOf("before")).toHaveLength(childKinds.length));
    await first.kill();
    const left = await leaseSpec();
    expect(left).toMatchObject({ holderIdentity: expect.stringMatching(/./), leaseDurationSeconds: 15 });
    await one.create("between");
    await second.leading;
    expect((await leaseSpec()).holderIdentity).not.toBe(left.holderIdentity);
    await eventually(async () => expect(await one.childrenOf("between")).toHaveLength(childKinds.length));
    await second.stop();
  });

  it("need not wait for the end of the lease when the leader is told to stop: it gives it back", async () => {
    const first = await startOperator(world, withLease);
    await first.leading;
    const second = await startOperator(world, withLease);
    const { holderIdentity } = await leaseSpec();
    expect(holderIdentity).toMatch(/./);
    await first.stop();
    expect((await leaseSpec()).holderIdentity).not.toBe(holderIdentity);
    await second.leading;
    await second.stop();
  });
});
