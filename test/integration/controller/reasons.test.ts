import { defineKind, type Kind, kinds, type KubeObject } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QUOTA_KIND, SERVER_KIND } from "../../../controller/src/kinds.ts";
import { type Operator, startOperator } from "./operator.ts";
import { conditionOf, eventually, User } from "./servers.ts";
import { type Call, controllerCalls, controllerWrites, startWorld, type World } from "./world.ts";

// What keeps a server from starting, on a real API server with the real controllers of Kubernetes, and without a kubelet.

/** Short, so that the tests see what comes after it. */
const GRACE_SECONDS = 20;

const forever = new AbortController().signal;

let world: World;
let operator: Operator;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true", `unschedulableGraceSeconds=${GRACE_SECONDS}`]);
  operator = await startOperator(world);
  await operator.leading;
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
});

const NODE: Kind = defineKind({ apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false });
const WEBHOOK: Kind = defineKind({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  plural: "validatingwebhookconfigurations",
  namespaced: false,
});

const CLASS: Kind = defineKind({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  plural: "storageclasses",
  namespaced: false,
});
const VOLUME: Kind = defineKind({
  apiVersion: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  namespaced: false,
});

function anIngressClass(name: string): KubeObject {
  return { metadata: { name }, spec: { controller: "example.org/none" } } as KubeObject;
}

/** A volume of a class that nobody provisions. */
function aVolume(storageClassName: string): KubeObject {
  const spec = {
    storageClassName,
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    hostPath: { path: "/nowhere" },
  };
  return { metadata: { name: storageClassName }, spec } as KubeObject;
}

/** A webhook for the pods of a namespace that nobody answers for. */
function aBrokenWebhook(namespace: string): KubeObject {
  const webhook = {
    name: "pods.example.org",
    clientConfig: { url: "https://127.0.0.1:9/" },
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    failurePolicy: "Fail",
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
  };
  return { metadata: { name: "broken" }, webhooks: [webhook] } as KubeObject;
}

/** The writes by which the controller had the pod of a server in this namespace tried again. */
function touches(namespace: string): readonly Call[] {
  // The StatefulSet itself is written once, by an apply that creates it.
  return controllerWrites(world)
    .filter((call) => call.namespace === namespace && call.resource === "statefulsets" && call.subresource === "")
    .slice(1);
}

function resizes(namespace: string): readonly Call[] {
  return controllerCalls(world).filter((call) => call.namespace === namespace && call.subresource === "resize");
}

async function aUser(namespace: string): Promise<User> {
  return new User(world.admin, await world.makeNamespace(namespace));
}

async function untilPod(user: User, name: string, timeoutMs?: number): Promise<Pod> {
  return await eventually(() => user.get(kinds.Pod, `${name}-0`), timeoutMs);
}

const isReason =
  (type: string, reason: string) =>
  (server: Parameters<typeof conditionOf>[0]): boolean =>
    conditionOf(server, type)?.reason === reason;

const messageOf = (server: Parameters<typeof conditionOf>[0], type: string): string =>
  server.status?.conditions?.find((condition) => condition.type === type)?.message ?? "";

describe.concurrent("a server with an amount that is no quantity", () => {
  it("says which field it is and what to write, and starts when that is corrected", async () => {
    const user = await aUser("quantity");
    await user.create("alice", { jupyterServer: { resources: { limits: { memory: "4GB" } } } });
    const server = await user.until("alice", isReason("Stalled", "InvalidSpec"));
    expect(messageOf(server, "Stalled")).toBe(
      'spec.jupyterServer.resources.limits.memory is invalid: "4GB" is not a quantity; write 4G, or 4Gi for powers of 1024.',
    );
    await user.patchServer("alice", { spec: { jupyterServer: { resources: { limits: { memory: "4Gi" } } } } });
    await untilPod(user, "alice");
  });

  it("takes an empty shmSize for none", async () => {
    const user = await aUser("shared-memory");
    await user.create("alice", { jupyterServer: { shmSize: "" } });
    const pod = await untilPod(user, "alice");
    expect(pod.spec?.volumes?.map(({ name }) => name)).not.toContain("shm");
  });
});

describe.concurrent("a server that is created under the name of one that was deleted a moment ago", () => {
  it("waits for what is left of that one, and runs, without a word of a taken name", async () => {
    const user = await aUser("again");
    await user.create("alice");
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    const { uid } = (await user.server("alice")).metadata;
    await user.remove(SERVER_KIND, "alice");
    await user.create("alice");
    const seen: string[] = [];
    await user.until("alice", (server) => {
      for (const { reason } of server.status?.conditions ?? []) seen.push(reason);
      return server.metadata.uid !== uid && server.status?.mainPod?.uid !== undefined;
    });
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    expect(seen).not.toContain("NameTaken");
    expect(seen).not.toContain("RouteTaken");
  });
});

describe.concurrent("a pod that the cluster does not create", () => {
  it("is told, and created soon after the webhook that was down is back, at the cost of a few writes", async () => {
    const user = await aUser("webhook");
    await world.admin.create(WEBHOOK, aBrokenWebhook("webhook"), {}, forever);
    await user.create("alice");
    const waiting = await user.until("alice", isReason("Ready", "PodCreationFailed"));
    expect(waiting.status?.state).toBe("starting");
    expect(messageOf(waiting, "Ready")).toContain('failed calling webhook "pods.example.org"');
    const failed = await user.until("alice", isReason("Stalled", "PodCreationFailed"));
    expect(failed.status?.state).toBe("failed");
    // By then the StatefulSet controller's own attempts are far apart.
    await eventually(async () => expect(touches("webhook").length).toBeGreaterThan(0));
    await world.admin.remove(WEBHOOK, { namespace: "", name: "broken" }, {}, forever);
    const before = touches("webhook").length;
    await untilPod(user, "alice");
    expect(touches("webhook").length - before).toBeLessThanOrEqual(1);
    expect(touches("webhook").length).toBeLessThanOrEqual(4); // in about a minute
    await user.makePodReady("alice");
    const running = await user.until("alice", ({ status }) => status?.state === "running");
    expect(conditionOf(running, "Stalled")).toBeUndefined();
  });

  it("is created at once when another server makes room in the quota", async () => {
    const user = await aUser("quota");
    await user.make(QUOTA_KIND, "few", { spec: { hard: { pods: "1" } } });
    await eventually(async () => {
      const { status } = await user.get(QUOTA_KIND, "few");
      expect(status?.hard).toEqual({ pods: "1" });
    });
    await user.create("first");
    await user.makePodReady("first");
    await user.create("second");
    await user.until("second", isReason("Stalled", "QuotaExceeded"));
    await user.patchServer("first", { spec: { jupyterServer: { hibernated: true } } });
    await untilPod(user, "second");
    await user.makePodReady("second");
    const running = await user.until("second", ({ status }) => status?.state === "running");
    expect(conditionOf(running, "Stalled")).toBeUndefined();
  });
});

describe.concurrent("resources of a running server", () => {
  it("change in place, or the status says that this Kubernetes is too old for that", async () => {
    const user = await aUser("resized");
    const resources = (memory: string): object => ({ jupyterServer: { resources: { requests: { memory } } } });
    await user.create("alice", resources("1Gi"));
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    await user.patchServer("alice", { spec: resources("2Gi") });
    const discovered = JSON.parse(await world.admin.getText("/api/v1", forever)) as {
      readonly resources: readonly { readonly name: string }[];
    };
    if (discovered.resources.some(({ name }) => name === "pods/resize")) {
      // What comes of it is up to a kubelet, which is not here.
      await eventually(async () => expect(resizes(user.namespace)).not.toHaveLength(0));
      expect(messageOf(await user.server("alice"), "UpdatePending")).not.toContain("this Kubernetes");
    } else {
      const server = await user.until("alice", isReason("UpdatePending", "ChangesWaiting"));
      expect(messageOf(server, "UpdatePending")).toContain(
        "this Kubernetes cannot resize a running pod; 1.33 and newer can",
      );
      expect(conditionOf(server, "Ready")).toMatchObject({ status: "True" });
    }
  });
});

describe.concurrent("a pod that is held in a queue", () => {
  it("is told with the gates that hold it, is no stall, and is not held any more once they are gone", async () => {
    const user = await aUser("queued");
    const podSpec = { schedulingGates: [{ name: "example.org/queue" }] };
    const patch = { statefulset: { spec: { template: { spec: podSpec } } } };
    await user.create("alice", { patches: [{ type: "application/merge-patch+json", patch }] });
    const held = await user.until("alice", isReason("Ready", "SchedulingGated"));
    expect(messageOf(held, "Ready")).toContain("example.org/queue");
    expect(held.status?.state).toBe("starting");
    expect(conditionOf(held, "Stalled")).toBeUndefined();
    await user.patch(kinds.Pod, "alice-0", { spec: { schedulingGates: [] } });
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
  });
});

describe.concurrent("a pod for which a node is being added", () => {
  it.each([
    { by: "cluster-autoscaler", reason: "TriggeredScaleUp", message: "pod triggered scale-up: [{pool 3->4 (max: 9)}]" },
    { by: "karpenter", reason: "Nominated", message: "Pod should schedule on: nodeclaim/default-x7k2p" },
  ])("is told by the Event $reason", async ({ by, reason, message }) => {
    const user = await aUser(by);
    const { namespace } = user;
    await user.create("alice");
    const { metadata } = await untilPod(user, "alice");
    const scheduled = { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes" };
    const status = { kind: "Merge", body: { status: { conditions: [scheduled] } } } as const;
    await world.admin.patch(kinds.Pod, { namespace, name: "alice-0" }, status, { subresource: "status" }, forever);
    await user.until("alice", isReason("Ready", "Unschedulable"));
    const now = new Date().toISOString().replace(/[.]\d+Z/, "Z");
    const event = {
      metadata: { name: "alice-0.node", namespace },
      involvedObject: { apiVersion: "v1", kind: "Pod", name: "alice-0", namespace, uid: metadata?.uid },
      ...{ reason, message, type: "Normal", source: { component: by }, firstTimestamp: now, lastTimestamp: now },
    };
    await world.admin.create(kinds.CoreEvent, event as KubeObject, {}, forever);
    const server = await user.until("alice", isReason("Ready", "ScalingUp"));
    expect(messageOf(server, "Ready")).toContain(message);
  });
});

describe.concurrent("a claim that is deleted while its server runs", () => {
  it("is told while the files are still there, and the server runs on", async () => {
    const user = await aUser("undermined");
    await user.create("alice");
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    // No volume controller is here, which would mark the claim like this when it has a volume.
    const annotations = { "pv.kubernetes.io/bind-completed": "yes" };
    await user.patch(kinds.PersistentVolumeClaim, "alice", {
      metadata: { finalizers: ["example.org/keep"], annotations },
    });
    await user.remove(kinds.PersistentVolumeClaim, "alice");
    const server = await user.until("alice", isReason("StorageWarning", "ClaimDeleting"));
    expect(messageOf(server, "StorageWarning")).toContain("alice");
    expect(conditionOf(server, "Ready")).toMatchObject({ status: "True" });
  });
});

describe.concurrent("a volume that nobody makes grow", () => {
  it("is told at once, as a stall after the grace period, and not any more once it has grown", async () => {
    const user = await aUser("growing");
    const provisioner = "example.org/none";
    await world.admin.create(
      CLASS,
      { metadata: { name: "grows" }, provisioner, allowVolumeExpansion: true } as KubeObject,
      {},
      forever,
    );
    await world.admin.create(VOLUME, aVolume("grows"), {}, forever);
    const storage = (size: string): object => ({
      storage: { size, pvc: { enabled: true, storageClassName: "grows" } },
    });
    await user.create("alice", storage("1Gi"));
    await eventually(async () => {
      const { status } = await user.get(kinds.PersistentVolumeClaim, "alice");
      expect(status?.capacity).toEqual({ storage: "1Gi" });
    });
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    await user.patchServer("alice", { spec: storage("2Gi") });
    await user.until("alice", isReason("Reconciling", "VolumeGrowing"));
    const stalled = await user.until("alice", isReason("Stalled", "VolumeGrowing"));
    expect(messageOf(stalled, "Stalled")).toContain("is being expanded from 1Gi to 2Gi");
    expect(conditionOf(stalled, "Ready")).toMatchObject({ status: "True" });
    const grown = { status: { capacity: { storage: "2Gi" } } };
    const ref = { namespace: user.namespace, name: "alice" };
    const options = { subresource: "status" } as const;
    await world.admin.patch(kinds.PersistentVolumeClaim, ref, { kind: "Merge", body: grown }, options, forever);
    await user.until("alice", (server) => conditionOf(server, "Stalled") === undefined);
  });
});

describe.concurrent("an Ingress that names what does not exist", () => {
  const routing = (user: User, more: object): object => ({
    routing: { host: "hub.example.org", path: `/${user.namespace}/alice`, ...more },
  });

  it("is told, with an Event, and not any more at once when the class is there", async () => {
    const user = await aUser("no-route");
    await user.create("alice", routing(user, { ingressClassName: "absent" }));
    await user.makePodReady("alice");
    const warned = await user.until("alice", isReason("RouteWarning", "IngressClassMissing"));
    expect(messageOf(warned, "RouteWarning")).toContain("The IngressClass absent does not exist");
    await user.until("alice", ({ status }) => status?.state === "running");
    await eventually(async () => {
      const { items } = await world.admin.list(kinds.Event, { namespace: user.namespace }, forever);
      expect(items.map(({ type, reason }) => [type, reason])).toContainEqual(["Warning", "IngressClassMissing"]);
    });

    await world.admin.create(kinds.IngressClass, anIngressClass("absent"), {}, forever);
    await user.until("alice", (server) => conditionOf(server, "RouteWarning") === undefined);
    await world.admin.remove(kinds.IngressClass, { namespace: "", name: "absent" }, {}, forever);
    await user.until("alice", isReason("RouteWarning", "IngressClassMissing"));
    await user.patchServer("alice", { spec: { routing: { ingressClassName: null } } });
    await user.until("alice", (server) => conditionOf(server, "RouteWarning") === undefined);
  });

  it("costs a start nothing while the certificate of the new Ingress is being issued", async () => {
    const user = await aUser("new-tls");
    await user.create("alice", routing(user, { tls: { enabled: true, secretName: "hub-tls" } }));
    await user.until(
      "alice",
      ({ status }) => status?.state === "starting" && status.children?.["ingress"] !== undefined,
    );
    await user.makePodReady("alice");
    const running = await user.until("alice", ({ status }) => status?.state === "running");
    expect(conditionOf(running, "RouteWarning")).toBeUndefined();
    const calls = controllerCalls(world).filter(({ namespace }) => namespace === user.namespace);
    expect(calls.filter(({ name }) => name === "hub-tls")).toEqual([]);
    const { items } = await world.admin.list(kinds.Event, { namespace: user.namespace }, forever);
    expect(items.map(({ reason }) => reason)).not.toContain("TlsSecretMissing");
  });
});

describe.concurrent("a pod that does not go", () => {
  it("is told with the finalizers that keep it, and the server fails for it after the grace period", async () => {
    const user = await aUser("kept");
    await user.create("alice");
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    await user.patch(kinds.Pod, "alice-0", { metadata: { finalizers: ["example.org/keep"] } });
    await user.remove(kinds.Pod, "alice-0");
    const waiting = await user.until("alice", isReason("Ready", "PodStuck"));
    expect(waiting.status?.state).toBe("starting");
    expect(messageOf(waiting, "Ready")).toContain("example.org/keep");
    const failed = await user.until("alice", isReason("Stalled", "PodStuck"));
    expect(failed.status?.state).toBe("failed");
    await user.patch(kinds.Pod, "alice-0", { metadata: { finalizers: null } });
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
  });
});

describe.concurrent("a node that dies before the pod was ready", () => {
  it("is told, and the server fails for it after the grace period", async () => {
    const user = await aUser("lost");
    const podSpec = { nodeName: "dying", terminationGracePeriodSeconds: 1 };
    const patch = { statefulset: { spec: { template: { spec: podSpec } } } };
    await world.admin.create(NODE, { metadata: { name: "dying" } }, {}, forever);
    await user.create("alice", {
      patches: [{ type: "application/merge-patch+json", patch }],
    });
    await untilPod(user, "alice");
    // As for a node that is unreachable; no kubelet confirms that the pod ended.
    const taints = [{ key: "example.org/unreachable", effect: "NoExecute" }];
    await world.admin.patch(
      NODE,
      { namespace: "", name: "dying" },
      { kind: "Merge", body: { spec: { taints } } },
      {},
      forever,
    );
    await user.until("alice", isReason("Ready", "NodeLost"));
    const failed = await user.until("alice", isReason("Stalled", "NodeLost"));
    expect(failed.status?.state).toBe("failed");
    expect(messageOf(failed, "Stalled")).toContain("dying");
  });
});
