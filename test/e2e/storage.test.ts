import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apply, kubectl, leaveNamespace, namesOf, until, useNamespace, waitFor } from "./cluster.ts";
import { childOf, field, inServer, podOf, untilReason, untilWithout } from "./look.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let defaultClass: string;

beforeAll(async () => {
  namespace = await useNamespace("e2e-storage");
  const marked =
    '{.items[?(@.metadata.annotations.storageclass\\.kubernetes\\.io/is-default-class=="true")].metadata.name}';
  defaultClass = await kubectl(["get", "storageclass", "-o", `jsonpath=${marked}`]);
});

afterAll(async () => {
  await kubectl(["delete", "pvc/kept", "-n", namespace, "--ignore-not-found", "--wait=false"]); // its server retains it
  await leaveNamespace(namespace);
});

async function aReadyServer(name: string, spec: { readonly [field: string]: object }): Promise<TestServer> {
  const server = new TestServer(name, namespace);
  await server.apply(spec);
  await waitFor(`jupyterserver/${name}`, namespace, "condition=Ready");
  return server;
}

type Claim = { readonly metadata: { readonly uid: string; readonly ownerReferences?: readonly unknown[] } };

const WRITE = "echo mine > /home/jovyan/work/kept.txt";
const READ = "cat /home/jovyan/work/kept.txt";

describe("a server without a volume", () => {
  it("has as much room as its spec says", async () => {
    const server = await aReadyServer("temporary", { storage: { size: "50Mi" } });
    const volume = (await podOf(server))?.spec.volumes.find(({ name }) => name === "workspace");
    expect(volume?.emptyDir).toMatchObject({ sizeLimit: "50Mi" });
    await kubectl(["delete", "jupyterserver", "temporary", "-n", namespace, "--wait=false"]);
  });
});

/** The steps are changes to one server and build on each other. */
describe("a server with a volume", () => {
  let server: TestServer;
  let pod: string;

  beforeAll(async () => {
    server = await aReadyServer("growing", {
      storage: { size: "100Mi", pvc: { enabled: true, storageClassName: defaultClass } },
    });
    pod = await server.podUid();
  });

  it("lets it grow while it runs", async () => {
    await server.patch({ spec: { storage: { size: "200Mi" } } });
    await waitFor("persistentvolumeclaim/growing", namespace, "jsonpath={.status.capacity.storage}=200Mi");
    expect(await server.podUid()).toBe(pod);
    expect(await server.condition("UpdatePending")).toBeUndefined();
  });

  it("takes a number of bytes for a size", async () => {
    await server.patch({ spec: { storage: { size: 300 * 1024 ** 2 } } });
    const capacity = `jsonpath={.status.capacity.storage}=${300 * 1024 ** 2}`; // as it was written
    await waitFor("persistentvolumeclaim/growing", namespace, capacity);
  });

  it("refuses to shrink it, says so, and goes on", async () => {
    await server.patch({ spec: { storage: { size: "50Mi" } } });
    expect((await untilReason(server, "Stalled", "ClaimShrinkRefused"))?.message).toContain("50Mi");
    expect(await server.condition("Ready")).toMatchObject({ status: "True" });
    expect(await field("persistentvolumeclaim", server, ".status.capacity.storage")).toBe(String(300 * 1024 ** 2));
    await server.patch({ spec: { storage: { size: "300Mi" } } });
    await untilWithout(server, "Stalled");
  });

  it("refuses another class for it", async () => {
    await server.patch({ spec: { storage: { pvc: { storageClassName: "another" } } } });
    expect((await untilReason(server, "Stalled", "ClaimChangeRefused"))?.message).toContain("another");
    expect(await server.condition("Ready")).toMatchObject({ status: "True" });
  });

  it("keeps the class it has when none is asked for any more", async () => {
    await server.patch({
      metadata: { labels: { seen: "yes" } },
      spec: { storage: { pvc: { storageClassName: null } } },
    });
    await waitFor("persistentvolumeclaim/growing", namespace, "jsonpath={.metadata.labels.seen}=yes");
    await untilWithout(server, "Stalled");
    expect(await server.podUid()).toBe(pod);
  });
});

describe("a volume that is to be retained", () => {
  let uid: string;

  it("outlives its server, without an owner", async () => {
    const server = await aReadyServer("kept", { storage: { pvc: { enabled: true, retentionPolicy: "Retain" } } });
    await inServer(server, WRITE);
    uid = (await childOf<Claim>("persistentvolumeclaim", server)).metadata.uid;
    await kubectl(["delete", "jupyterserver", "kept", "-n", namespace, "--timeout=120s"]);
    await waitFor("pod/kept-0", namespace, "delete");
    const claim = await childOf<Claim>("persistentvolumeclaim", server);
    expect(claim.metadata.uid).toBe(uid);
    expect(claim.metadata.ownerReferences ?? []).toEqual([]);
  });

  it("is not given to another server of the same name", async () => {
    const server = new TestServer("kept", namespace);
    await server.apply({ storage: { pvc: { enabled: true } } });
    expect((await untilReason(server, "Stalled", "NameTaken"))?.message).toContain("PersistentVolumeClaim");
    expect(await namesOf("statefulset", namespace, "amalthea.dev/parent-name=kept")).toEqual([]); // no pod would get it
    expect((await childOf<Claim>("persistentvolumeclaim", server)).metadata.ownerReferences ?? []).toEqual([]);
  });

  it("is given to a server that asks for it by name, and outlives that one, too", async () => {
    const server = new TestServer("kept", namespace);
    await server.patch({ spec: { storage: { pvc: { existingClaim: "kept" } } } });
    await waitFor("jupyterserver/kept", namespace, "condition=Ready");
    await untilWithout(server, "Stalled");
    expect(await inServer(server, READ)).toBe("mine");
    await kubectl(["delete", "jupyterserver", "kept", "-n", namespace, "--timeout=120s"]);
    await waitFor("pod/kept-0", namespace, "delete");
    expect((await childOf<Claim>("persistentvolumeclaim", server)).metadata.uid).toBe(uid);
  });
});

describe("a claim of the user's own", () => {
  it("is mounted, and waited for while it is missing", async () => {
    const server = new TestServer("guest", namespace);
    await server.apply({ storage: { pvc: { enabled: true, existingClaim: "own" } } });
    expect((await untilReason(server, "Ready", "ClaimMissing"))?.message).toContain("own");
    await apply({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "own", namespace },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "100Mi" } } },
    });
    await waitFor("jupyterserver/guest", namespace, "condition=Ready");
    await inServer(server, WRITE);
    const claims = await until(
      () => kubectl(["get", "persistentvolumeclaims", "-n", namespace, "-o", "name"]),
      (names) => names.includes("/own"),
    );
    expect(claims).not.toContain("/guest");
  });
});
