import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jupyterServerCrd, type JupyterServer } from "@amalthea/api";
import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { broken, type StoredServer, withoutSpec, withOddStatus } from "./old-objects.ts";
import { aServer, create, installCrd, patch as patchServer, read, remove } from "./resource.ts";

const fixtures = new URL("../../fixtures/0.24/", import.meta.url);

/** The servers as 0.24 left them, in the namespace of the test. */
const left = readdirSync(fixtures)
  .filter((file) => file.endsWith(".json") && file !== "crd.json")
  .map((file) => {
    const text = readFileSync(new URL(file, fixtures), "utf8");
    const list = JSON.parse(text) as { readonly items: readonly (StoredServer & { readonly kind: string })[] };
    const server = list.items.find(({ kind }) => kind === "JupyterServer");
    if (server === undefined) throw new Error(`${file} has no server`);
    const { name, finalizers = [], annotations = {} } = server.metadata;
    return { ...server, metadata: { name, finalizers, annotations } };
  });

const servers = [...left, ...broken, withoutSpec, withOddStatus];
const names = servers.map(({ metadata }) => metadata.name);

let cluster: ControlPlane;

async function patch(name: string, change: object, subresource?: "status"): Promise<JupyterServer> {
  return await patchServer(cluster, name, change, subresource === undefined ? {} : { subresource });
}

beforeAll(async () => {
  cluster = await startControlPlane();
  await installCrd(cluster, JSON.parse(readFileSync(new URL("crd.json", fixtures), "utf8")) as object);
  const items = servers.map((server) => ({ ...server, apiVersion: "amalthea.dev/v1alpha1", kind: "JupyterServer" }));
  await cluster.kubectl(["create", "-f=-"], { stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items }) });
  await installCrd(cluster, jupyterServerCrd);
});
afterAll(async () => await cluster.stop());

describe("a new object", () => {
  it.each(broken)("$metadata.name is refused", async (server) => {
    await expect(create(cluster, server)).rejects.toThrow("is invalid");
  });
});

describe.each(names)("%s, stored under 0.24's CRD,", (name) => {
  it("takes a status", async () => {
    const condition = {
      ...{ type: "Ready", status: "False", reason: "InvalidSpec", message: "x", observedGeneration: 1 },
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const status = {
      state: "failed",
      observedGeneration: 1,
      conditions: [condition],
      events: null,
      mainPod: { uid: "u" },
    };
    const patched = await patch(name, { status }, "status");
    expect(patched.status).toMatchObject({ state: "failed", conditions: [condition], mainPod: { uid: "u" } });
  });

  it("can be hibernated and resumed", async () => {
    const asleep = await patch(name, { spec: { jupyterServer: { hibernated: true } } });
    expect(asleep.spec.jupyterServer.hibernated).toBe(true);
    const awake = await patch(name, { spec: { jupyterServer: { hibernated: false } } });
    expect(awake.spec.jupyterServer.hibernated).toBe(false);
  });

  it("can be changed beside what is wrong", async () => {
    const culling = { idleSecondsThreshold: 60 };
    const spec = { culling, routing: { ingressAnnotations: { a: "b" } }, storage: { pvc: { enabled: true } } };
    const patched = await patch(name, { metadata: { labels: { changed: "yes" } }, spec });
    expect(patched.spec.culling.idleSecondsThreshold).toBe(60);
    const oidc = { authorizedGroups: ["staff"] };
    await expect(patch(name, { spec: { auth: { oidc } } })).resolves.toMatchObject({ spec: { auth: { oidc } } });
  });

  it("loses its finalizer and goes", async () => {
    await remove(cluster, name);
    await patch(name, { metadata: { finalizers: null } }).catch(
      (error: unknown) => expect(String(error)).toContain("not found"), // it had none and is gone already
    );
    await expect(read(cluster, name)).rejects.toThrow("not found");
  });
});

describe("an object stored under 0.24's CRD", () => {
  it.each([
    [
      "host-of-two",
      { routing: { host: "a:80" } },
      { routing: { host: "b:80" } },
      "routing.host must be a lower-case host name",
    ],
    ["patches-of-two", { patches: [{ patch: [] }] }, { patches: [{ patch: {} }] }, "a patch needs a type"],
    [
      "mount-of-two",
      { storage: { pvc: { mountPath: "a" } } },
      { storage: { pvc: { mountPath: "b" } } },
      "absolute path",
    ],
  ])("%s is corrected or left as it is, never made wrong in another way", async (name, before, after, message) => {
    await installCrd(cluster, JSON.parse(readFileSync(new URL("crd.json", fixtures), "utf8")) as object);
    await cluster.kubectl(["create", "-f=-"], { stdin: JSON.stringify(aServer(before, name)) });
    await installCrd(cluster, jupyterServerCrd);
    await expect(patch(name, { spec: after })).rejects.toThrow(message);
  });

  it("cannot lose what a rule asks for", async () => {
    await cluster.kubectl(["create", "-f=-"], { stdin: JSON.stringify(aServer({}, "whole")) });
    await expect(patch("whole", { spec: { routing: { host: null } } })).rejects.toThrow("routing.host is missing");
  });
});
