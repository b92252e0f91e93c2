import { type Kind, kinds, type KubeObject } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { valueAt } from "../../../controller/src/decide/values/json.ts";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { type Operator, startOperator } from "./operator.ts";
import { childKinds, conditionOf, eventually, User } from "./servers.ts";
import { controllerCalls, controllerWrites, startWorld, type World } from "./world.ts";

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

async function aUser(namespace: string): Promise<User> {
  return new User(world.admin, await world.makeNamespace(namespace));
}

/** A server whose pod is ready. */
async function aRunningServer(namespace: string, spec: object = {}): Promise<User> {
  const user = await aUser(namespace);
  await user.create("alice", spec);
  await user.makePodReady("alice");
  await user.until("alice", ({ status }) => status?.state === "running");
  return user;
}

describe("a new server", () => {
  it("gets its seven children by one write each and at most three writes of its status, without a read", async () => {
    const before = controllerCalls(world).length;
    const user = await aRunningServer("new");
    expect(await user.childrenOf("alice")).toEqual(childKinds.map(({ kind }) => kind));
    const calls = controllerCalls(world)
      .slice(before)
      .filter(({ verb, resource }) => verb !== "watch" && !["leases", "events"].includes(resource));
    const ofStatus = calls.filter(({ subresource }) => subresource === "status");
    expect(ofStatus.length).toBeLessThanOrEqual(3);
    expect(
      calls
        .filter(({ subresource }) => subresource === "")
        .map(({ resource }) => resource)
        .toSorted(),
    ).toEqual(childKinds.map(({ plural }) => plural).toSorted());
    const server = await user.server("alice");
    expect(conditionOf(server, "Ready")).toMatchObject({ status: "True" });
    expect(server.status).toMatchObject({
      state: "running",
      url: "http://hub.example.org/new/alice",
      observedGeneration: 1,
      create_fn: { fullServerURL: "http://hub.example.org/new/alice" },
    });
    expect(Object.keys(server.status?.create_fn?.createdResources ?? {})).toHaveLength(7);
  });

  it("leaves its children to the garbage collector when it is deleted", async () => {
    const user = await aRunningServer("gone");
    await user.remove(SERVER_KIND, "alice");
    // The garbage collector looks for new kinds every 30 seconds.
    await eventually(async () => expect(await user.childrenOf("alice")).toEqual([]));
    await eventually(async () => expect(await user.find(kinds.Pod, "alice-0")).toBeUndefined());
  });
});

describe("a child", () => {
  it.each<Kind>([kinds.ConfigMap, kinds.Service, kinds.NetworkPolicy, kinds.Ingress])(
    "of kind $kind comes back when it is deleted",
    async (kind) => {
      const user = await aRunningServer(`deleted-${kind.plural}`);
      const { uid } = (await user.get(kind, "alice")).metadata;
      await user.remove(kind, "alice");
      await eventually(async () => expect((await user.get(kind, "alice")).metadata.uid).not.toBe(uid));
    },
  );

  it("that is the StatefulSet comes back, and with it the pod", async () => {
    const user = await aRunningServer("deleted-set");
    const { uid } = (await user.get(kinds.Pod, "alice-0")).metadata;
    await user.remove(kinds.StatefulSet, "alice");
    await eventually(async () => expect((await user.get(kinds.Pod, "alice-0")).metadata.uid).not.toBe(uid));
  });

  it("that somebody changes gets our fields back and keeps the fields of others", async () => {
    const user = await aRunningServer("drift");
    await user.patch(kinds.Service, "alice", {
      metadata: { annotations: { "example.org/note": "kept" } },
      spec: { ports: [{ name: "http", port: 81, targetPort: "elsewhere" }] },
    });
    await eventually(async () => {
      const service = await user.get(kinds.Service, "alice");
      expect(service.spec?.ports?.map(({ port, targetPort }) => ({ port, targetPort }))).toEqual([
        { port: 80, targetPort: "http" },
      ]);
      expect(service.metadata.annotations).toMatchObject({ "example.org/note": "kept" });
    });
  });

  it.each<{ kind: Kind; change: object; fieldOf: (object: KubeObject) => unknown }>([
    {
      kind: kinds.Service,
      change: { spec: { selector: { tier: "web" } } },
      fieldOf: (object) => valueAt(object, "spec", "selector", "tier"),
    },
    {
      kind: kinds.NetworkPolicy,
      change: { spec: { podSelector: { matchLabels: { tier: "web" } } } },
      fieldOf: (object) => valueAt(object, "spec", "podSelector", "matchLabels", "tier"),
    },
  ])(
    "of kind $kind.kind loses what somebody adds to its selector, which is atomic",
    async ({ kind, change, fieldOf }) => {
      const user = await aRunningServer(`selector-${kind.plural}`);
      await user.patch(kind, "alice", change);
      await eventually(async () => expect(fieldOf(await user.get(kind, "alice"))).toBeUndefined());
    },
  );

  it("that loses the label we find it by gets it back", async () => {
    const user = await aRunningServer("unlabelled");
    const { uid } = (await user.get(kinds.ConfigMap, "alice")).metadata;
    await user.patch(kinds.ConfigMap, "alice", { metadata: { labels: { "amalthea.dev/parent-uid": null } } });
    await eventually(async () => {
      const { metadata } = await user.get(kinds.ConfigMap, "alice");
      expect(metadata.labels).toHaveProperty(["amalthea.dev/parent-uid"]);
      expect(metadata.uid).toBe(uid);
    });
  });

  it("whose name somebody else's object has is not taken over; the server says so, and heals when the name is free", async () => {
    const user = await aUser("name-taken");
    await user.make(kinds.ConfigMap, "alice", { data: { mine: "yes" } });
    await user.create("alice");
    const server = await user.until("alice", (seen) => conditionOf(seen, "Stalled") !== undefined);
    expect(JSON.stringify(server.status?.conditions)).toContain("ConfigMap");
    expect((await user.get(kinds.ConfigMap, "alice")).data).toEqual({ mine: "yes" });
    await user.remove(kinds.ConfigMap, "alice");
    await user.until("alice", (seen) => conditionOf(seen, "Stalled") === undefined);
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
  });
});

describe("the Secret", () => {
  it("that somebody deletes comes back at the next start with other values, not before", async () => {
    const user = await aRunningServer("secret");
    const before = (await user.get(kinds.Secret, "alice")).data;
    await user.remove(kinds.Secret, "alice");
    await user.hibernate("alice");
    await user.patchServer("alice", { spec: { jupyterServer: { hibernated: false } } });
    await eventually(async () => expect((await user.get(kinds.Secret, "alice")).data).not.toEqual(before));
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
  });

  it("keeps its values through hibernation and resume", async () => {
    const user = await aRunningServer("kept-secret");
    const before = (await user.get(kinds.Secret, "alice")).data;
    await user.hibernate("alice");
    await user.patchServer("alice", { spec: { jupyterServer: { hibernated: false } } });
    await user.until("alice", ({ status }) => status?.state === "starting");
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    expect((await user.get(kinds.Secret, "alice")).data).toEqual(before);
  });
});

describe("a Secret that patches add", () => {
  it("loses a key that is taken out of the patch at the next start, and keeps one that somebody else wrote", async () => {
    const user = await aUser("added-secret");
    const patchesWith = (stringData: object): object => ({
      patches: [
        {
          type: "application/merge-patch+json",
          patch: { extra: { apiVersion: "v1", kind: "Secret", metadata: { name: "alice-extra" }, stringData } },
        },
      ],
    });
    await user.create("alice", patchesWith({ kept: "a", dropped: "b", toString: "c" }));
    await eventually(async () => {
      expect(Object.keys((await user.get(kinds.Secret, "alice-extra")).data ?? {})).toContain("dropped");
    });
    await user.patch(kinds.Secret, "alice-extra", { data: { foreign: "Yw==" } });
    await user.hibernate("alice");
    await user.patchServer("alice", { spec: { ...patchesWith({ kept: "a" }), jupyterServer: { hibernated: false } } });
    await eventually(async () => {
      const { data } = await user.get(kinds.Secret, "alice-extra");
      expect(Object.keys(data ?? {}).toSorted()).toEqual(["foreign", "kept"]);
    });
  });
});

describe("a settled server", () => {
  it("costs nothing when others add to its objects", async () => {
    const user = await aRunningServer("quiet");
    await operator.idle();
    const writes = controllerWrites(world).length;
    await user.patch(kinds.Service, "alice", { metadata: { annotations: { "example.org/note": "new" } } });
    await operator.idle();
    expect(controllerWrites(world).slice(writes)).toEqual([]);
  });

  it("costs one write for each child that carries a changed label, and one of its status", async () => {
    const user = await aRunningServer("labelled");
    await operator.idle();
    const writes = controllerWrites(world).length;
    await user.patchServer("alice", { metadata: { labels: { team: "one" } } });
    await eventually(async () => {
      expect((await user.get(kinds.Ingress, "alice")).metadata.labels).toMatchObject({ team: "one" });
    });
    await operator.idle();
    const made = controllerWrites(world).slice(writes);
    expect(made.filter(({ subresource }) => subresource === "status").length).toBeLessThanOrEqual(1);
    const written = made.filter(({ subresource }) => subresource === "").map(({ resource }) => resource);
    expect(new Set(written).size).toBe(written.length);
  });

  it("is not written to by a controller that restarts", async () => {
    await aRunningServer("restart");
    await operator.idle();
    await operator.stop();
    const writes = controllerWrites(world).length;
    operator = await startOperator(world);
    await operator.leading;
    await operator.idle();
    expect(controllerWrites(world).slice(writes)).toEqual([]);
  });
});

describe("a claim that is not bound yet", () => {
  it.each<{ form: string; namespace: string; pvc?: object; patch?: object }>([
    { form: "an empty selector", namespace: "claim-selector", pvc: { selector: { matchLabels: {} } } },
    { form: "an empty name of a volume", namespace: "claim-volume", patch: { volumeName: "" } },
    {
      form: "a selector with empty parts",
      namespace: "claim-parts",
      patch: { selector: { matchExpressions: [{ key: "tier", operator: "Exists", values: [] }], matchLabels: null } },
    },
  ])("stays the same object, although the API server stores it without $form", async ({ namespace, pvc, patch }) => {
    const user = await aUser(namespace);
    const patches =
      patch === undefined ? [] : [{ type: "application/merge-patch+json", patch: { pvc: { spec: patch } } }];
    await user.create("alice", { storage: { size: "1Gi", pvc: { enabled: true, ...pvc } }, patches });
    const { uid } = (await eventually(() => user.get(kinds.PersistentVolumeClaim, "alice"))).metadata;
    await user.makePodReady("alice");
    await operator.idle();
    expect((await user.get(kinds.PersistentVolumeClaim, "alice")).metadata.uid).toBe(uid);
  });
});

describe("bad input", () => {
  it("that the API server refuses is named in the status, and correcting it is enough", async () => {
    const user = await aUser("refused");
    const patches = [
      { type: "application/merge-patch+json", patch: { service: { spec: { ports: [{ port: 123456 }] } } } },
    ];
    await user.create("alice", { patches });
    const server = await user.until("alice", (seen) => conditionOf(seen, "Stalled") !== undefined);
    expect(JSON.stringify(server.status?.conditions)).toContain("123456");
    await user.patchServer("alice", { spec: { patches: [] } });
    await user.until("alice", (seen) => conditionOf(seen, "Stalled") === undefined);
    expect(await user.childrenOf("alice")).toContain("Service");
  });

  it("with a field of the wrong type in a patch is named in the status, and the other children are made", async () => {
    const user = await aUser("field-of-the-wrong-type");
    const patch = { service: { spec: { ports: "eighty" } } };
    await user.create("alice", { patches: [{ type: "application/merge-patch+json", patch }] });
    await user.until("alice", (seen) => conditionOf(seen, "Stalled") !== undefined);
    expect(await user.childrenOf("alice")).toContain("Ingress");
  });

  it("with a field that does not exist in a patch is made without it, with a warning", async () => {
    const user = await aUser("field-that-does-not-exist");
    const patch = { service: { spec: { harbour: "eighty" } } };
    await user.create("alice", { patches: [{ type: "application/merge-patch+json", patch }] });
    const server = await user.until("alice", (seen) => conditionOf(seen, "PatchWarning") !== undefined);
    expect(JSON.stringify(server.status?.conditions)).toContain("spec.harbour (Kubernetes has no such field)");
    expect(await user.childrenOf("alice")).toContain("Service");
  });

  it("over quota is named in the status, and heals by itself after the quota's end", async () => {
    const user = await aUser("quota");
    const quota = { apiVersion: "v1", kind: "ResourceQuota", plural: "resourcequotas", namespaced: true };
    await user.make(quota, "none", { spec: { hard: { persistentvolumeclaims: "0" } } });
    await eventually(async () => {
      const { status } = (await user.get(quota, "none")) as { status?: { hard?: object } };
      expect(status?.hard).toBeDefined();
    });
    await user.create("alice");
    const server = await user.until("alice", (seen) => conditionOf(seen, "Stalled") !== undefined);
    expect(JSON.stringify(server.status?.conditions)).toContain("quota");
    await user.remove(quota, "none");
    await user.until("alice", (seen) => conditionOf(seen, "Stalled") === undefined);
    expect(await user.childrenOf("alice")).toContain("PersistentVolumeClaim");
  });
});
