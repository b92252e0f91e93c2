import { kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Operator, startOperator } from "../controller/operator.ts";
import { eventually, User } from "../controller/servers.ts";
import { controllerWrites, startWorld, type World } from "../controller/world.ts";

let world: World;
let operator: Operator;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"]);
  operator = await startOperator(world);
  await operator.leading;
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
});

async function aRunningServer(namespace: string, spec: object = {}): Promise<User> {
  const user = new User(world.admin, await world.makeNamespace(namespace));
  await user.create("alice", spec);
  await user.makePodReady("alice");
  await user.until("alice", ({ status }) => status?.state === "running");
  return user;
}

/** What the controller wrote in a namespace, as `resource` or `resource/subresource`. */
function writesIn(namespace: string): readonly string[] {
  return controllerWrites(world)
    .filter((call) => call.namespace === namespace)
    .map(({ resource, subresource }) => (subresource === "" ? resource : `${resource}/${subresource}`));
}

/**
 * Details that changed alone are written after five seconds of quiet. Once another server's whole life is over and nothing is due
 * later, nothing is owed to this one.
 */
async function untilNothingIsOwed(namespace: string): Promise<void> {
  await aRunningServer(`${namespace}-meanwhile`);
  await operator.idle();
}

const STATUS = "jupyterservers/status";

/** Children that are compared while a pod runs: the Secret is not. */
const LABELLED = ["configmaps", "ingresses", "networkpolicies", "persistentvolumeclaims", "services", "statefulsets"];

describe("writes, as the API server counts them", () => {
  it("a label: one for each child that carries it", async () => {
    const user = await aRunningServer("label");
    await untilNothingIsOwed("label");
    const before = writesIn("label").length;
    await user.patchServer("alice", { metadata: { labels: { team: "one" } } });
    await user.until("alice", ({ metadata, status }) => status?.observedGeneration === metadata.generation);
    await eventually(async () =>
      expect((await user.get(kinds.Ingress, "alice")).metadata.labels).toMatchObject({ team: "one" }),
    );
    await untilNothingIsOwed("label-after");
    expect(writesIn("label").slice(before).toSorted()).toEqual(LABELLED);
  });

  it("a pod that gets ready: one of the status", async () => {
    const user = new User(world.admin, await world.makeNamespace("ready"));
    await user.create("alice");
    await user.until("alice", ({ status }) => status?.mainPod?.uid !== undefined);
    await untilNothingIsOwed("ready");
    const before = writesIn("ready").length;
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    await untilNothingIsOwed("ready-after");
    expect(writesIn("ready").slice(before)).toEqual([STATUS]);
  });

  it("a hibernation: at most two, and two of the status", async () => {
    const user = await aRunningServer("hibernation");
    await untilNothingIsOwed("hibernation");
    const before = writesIn("hibernation").length;
    await user.patchServer("alice", { spec: { jupyterServer: { hibernated: true } } });
    await eventually(async () => expect(await user.find(kinds.Pod, "alice-0")).toBeUndefined());
    await user.until("alice", ({ status }) => status?.mainPod?.uid === undefined);
    await untilNothingIsOwed("hibernation-after");
    const writes = writesIn("hibernation").slice(before);
    expect(writes.filter((write) => write !== STATUS).toSorted()).toEqual(["jupyterservers", "statefulsets"]);
    expect(writes.filter((write) => write === STATUS).length).toBeLessThanOrEqual(2);
  });
});

describe("a controller with other settings", () => {
  it("writes each child that follows them once, and restarts nobody", async () => {
    const user = await aRunningServer("upgrade", { updatePolicy: "Restart" });
    const pod = await user.get(kinds.Pod, "alice-0");
    await untilNothingIsOwed("upgrade");
    await operator.stop();
    const before = writesIn("upgrade").length;
    const environment = { SERVER_SCHEDULER_NAME: "another", AMALTHEA_SELECTOR_LABELS: "{fleet: blue}" };
    operator = await startOperator(world, { environment });
    await operator.leading;
    await eventually(async () =>
      expect((await user.get(kinds.Ingress, "alice")).metadata.labels).toMatchObject({ fleet: "blue" }),
    );
    await untilNothingIsOwed("upgrade-after");
    const { spec } = await user.get(kinds.StatefulSet, "alice");
    expect(spec?.template.spec?.schedulerName).toBe("another");
    expect((await user.get(kinds.Pod, "alice-0")).metadata.uid).toBe(pod.metadata.uid);
    expect(writesIn("upgrade").slice(before).toSorted()).toEqual(LABELLED);
    expect((await user.server("alice")).status?.conditions?.map(({ type }) => type)).not.toContain("UpdatePending");
  });
});
