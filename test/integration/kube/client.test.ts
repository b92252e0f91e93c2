import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import {
  ApiError,
  type CallResult,
  ConnectionError,
  createClient,
  defineKind,
  fenced,
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  type KubeClient,
  type KubeObject,
  kindOf,
  kinds,
  NotLeaderError,
  readKubeConfig,
} from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultProxy } from "./fault-proxy.ts";
import { aNamespace, clientOf, configOf, forever } from "./fixture.ts";
import { TcpProxy } from "./tcp-proxy.ts";

let controlPlane: ControlPlane;
let client: KubeClient;
let namespace: string;

const Foo = defineKind<KubeObject & { spec?: { size?: number }; status?: { seen?: number } }>({
  apiVersion: "test.example.org/v1",
  kind: "Foo",
  plural: "foos",
});

const fooDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "foos.test.example.org" },
  spec: {
    group: "test.example.org",
    scope: "Namespaced",
    names: { plural: "foos", kind: "Foo" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", properties: { size: { type: "integer" } } },
              status: { type: "object", properties: { seen: { type: "integer" } } },
            },
          },
        },
      },
    ],
  },
} as const;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = clientOf(controlPlane);
  namespace = await aNamespace(client);
  await client.apply(kinds.CustomResourceDefinition, fooDefinition, {}, forever);
  await controlPlane.kubectl(["wait", "--for=condition=Established", "crd/foos.test.example.org", "--timeout=30s"]);
});
afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

const podTemplate = {
  metadata: { labels: { app: "x" } },
  spec: { containers: [{ name: "c", image: "registry.example.org/i" }] },
};
const backend = { service: { name: "x", port: { number: 80 } } };
const rule = { host: "h.example.org", http: { paths: [{ path: "/", pathType: "Prefix", backend }] } };

describe("findMetadata", () => {
  it("has what is said of a Secret and none of its values, and undefined for one that is not there", async () => {
    const ref = { namespace, name: "certificate" };
    const data = { "tls.key": Buffer.from("private").toString("base64") };
    await client.create(kinds.Secret, { metadata: { ...ref, labels: { a: "b" } }, data }, {}, forever);
    const found = await client.findMetadata(kinds.Secret, ref, forever);
    expect(found?.metadata).toMatchObject({ ...ref, labels: { a: "b" } });
    expect(Object.keys(found ?? {}).toSorted()).toEqual(["apiVersion", "kind", "metadata"]);
    expect(await client.findMetadata(kinds.Secret, { namespace, name: "none" }, forever)).toBeUndefined();
  });
});

describe("apply", () => {
  it.each([
    { apiVersion: "v1", kind: "ConfigMap", body: { data: { a: "1" } } },
    { apiVersion: "v1", kind: "Secret", body: { data: { a: "MQ==" } } },
    { apiVersion: "v1", kind: "Service", body: { spec: { ports: [{ name: "http", port: 80 }] } } },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      body: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      body: { spec: { selector: { matchLabels: { app: "x" } }, template: podTemplate, serviceName: "x" } },
    },
    { apiVersion: "networking.k8s.io/v1", kind: "Ingress", body: { spec: { rules: [rule] } } },
    { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", body: { spec: { podSelector: {} } } },
    { apiVersion: "test.example.org/v1", kind: "Foo", body: { spec: { size: 1 } } },
  ])("with createOnly makes a $kind, and leaves one that is there alone", async ({ apiVersion, kind, body }) => {
    const definition = kindOf({ apiVersion, kind }) ?? Foo;
    const manifest = (name: string): object => ({ apiVersion, kind, metadata: { namespace, name }, ...body });

    const made = await client.apply(definition, manifest("ours"), { createOnly: true }, forever);
    expect(made.metadata.managedFields?.map(({ manager, operation }) => [manager, operation])).toContainEqual([
      "kube-test",
      "Apply",
    ]);
    const again = await client.apply(definition, manifest("ours"), {}, forever);
    expect(again.metadata.uid).toBe(made.metadata.uid);

    const theirs = await client.create(definition, manifest("theirs"), { fieldManager: "somebody" }, forever);
    const refused = await client
      .apply(definition, manifest("theirs"), { createOnly: true }, forever)
      .catch((error: unknown) => error);
    expect(isAlreadyExists(refused)).toBe(true);
    const after = await client.get(definition, { namespace, name: "theirs" }, forever);
    expect(after.metadata.uid).toBe(theirs.metadata.uid);
    expect(after.metadata.managedFields?.map(({ manager }) => manager)).not.toContain("kube-test");
  });

  it("with createOnly lets exactly one of many at the same time succeed", async () => {
    const manifest = { metadata: { namespace, name: "race" }, data: {} };
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => client.apply(kinds.ConfigMap, manifest, { createOnly: true }, forever)),
    );
    const failures = results.filter((result) => result.status === "rejected").map((result) => result.reason as unknown);
    expect(failures).toHaveLength(19);
    expect(failures.every(isAlreadyExists)).toBe(true);
  });

  it("releases what is no longer given, and writes nothing for the same again", async () => {
    const ref = { namespace, name: "released" };
    await client.apply(kinds.ConfigMap, { metadata: ref, data: { a: "1", b: "2" } }, {}, forever);
    const second = await client.apply(kinds.ConfigMap, { metadata: ref, data: { a: "1" } }, {}, forever);
    const third = await client.apply(kinds.ConfigMap, { metadata: ref, data: { a: "1" } }, {}, forever);
    expect(second.data).toEqual({ a: "1" });
    expect(third.metadata.resourceVersion).toBe(second.metadata.resourceVersion);
  });

  it.each([
    { manifest: "an unknown field", body: { stringDaat: { password: "hunter2" } } },
    { manifest: "a value of the wrong type", body: { stringData: { password: ["hunter2"] } } },
    { manifest: "a value that is not allowed", body: { data: { "hunter2/": "MQ==" } } },
  ])("refuses $manifest as invalid, and tells no value in the error's message", async ({ body }) => {
    const manifest = { metadata: { namespace, name: "strict" }, ...body };
    const error = await client.apply(kinds.Secret, manifest, {}, forever).catch((thrown: unknown) => thrown);
    expect(isInvalid(error)).toBe(true);
    expect((error as ApiError).message).toBe(`apply Secret ${namespace}/strict failed: 422 Invalid`);
    expect((error as ApiError).detail).not.toBe("");
  });

  it("with dryRun keeps nothing", async () => {
    const ref = { namespace, name: "dry" };
    await client.apply(kinds.ConfigMap, { metadata: ref }, { dryRun: true }, forever);
    expect(await client.find(kinds.ConfigMap, ref, forever)).toBeUndefined();
  });
});

describe("patch", () => {
  it.each([
    { patch: { kind: "Merge", body: { data: { a: null, b: "2" } } }, data: { b: "2" } },
    { patch: { kind: "Strategic", body: { data: { b: "2" } } }, data: { a: "1", b: "2" } },
    { patch: { kind: "Json", operations: [{ op: "replace", path: "/data/a", value: "9" }] }, data: { a: "9" } },
  ] as const)("$patch.kind changes the object", async ({ patch, data }) => {
    const ref = { namespace, name: `patch-${patch.kind.toLowerCase()}` };
    await client.create(kinds.ConfigMap, { metadata: ref, data: { a: "1" } }, {}, forever);
    expect((await client.patch(kinds.ConfigMap, ref, patch, {}, forever)).data).toEqual(data);
  });

  it("writes the status through its subresource, and nothing else with it", async () => {
    const ref = { namespace, name: "with-status" };
    await client.create(Foo, { metadata: ref, spec: { size: 1 } }, {}, forever);
    const body = { spec: { size: 2 }, status: { seen: 1 } };
    const options = { subresource: "status", fieldManager: "kube-test-status" } as const;
    const after = await client.patch(Foo, ref, { kind: "Merge", body }, options, forever);
    expect([after.spec, after.status]).toEqual([{ size: 1 }, { seen: 1 }]);
  });
});

describe("remove", () => {
  it("removes only the object of that uid", async () => {
    const ref = { namespace, name: "removed" };
    const { metadata } = await client.create(kinds.ConfigMap, { metadata: ref }, {}, forever);
    const uid = "11111111-1111-1111-1111-111111111111";
    const error = await client.remove(kinds.ConfigMap, ref, { uid }, forever).catch((thrown: unknown) => thrown);
    expect(isConflict(error)).toBe(true);
    expect(await client.remove(kinds.ConfigMap, ref, { uid: metadata.uid }, forever)).toBeUndefined();
    expect(await client.find(kinds.ConfigMap, ref, forever)).toBeUndefined();
  });

  it("gives the object back as long as a finalizer keeps it", async () => {
    const ref = { namespace, name: "kept" };
    const finalizers = ["test.example.org/keep"];
    const { metadata } = await client.create(kinds.ConfigMap, { metadata: { ...ref, finalizers } }, {}, forever);
    const kept = await client.remove(kinds.ConfigMap, ref, {}, forever);
    expect(kept?.metadata.uid).toBe(metadata.uid);
    expect(kept?.metadata.deletionTimestamp).toBeDefined();
    await client.patch(kinds.ConfigMap, ref, { kind: "Merge", body: { metadata: { finalizers: null } } }, {}, forever);
  });
});

describe("get, list and replace", () => {
  it("tells absence from failure", async () => {
    const ref = { namespace, name: "absent" };
    expect(await client.find(kinds.Pod, ref, forever)).toBeUndefined();
    const error = await client.get(kinds.Pod, ref, forever).catch((thrown: unknown) => thrown);
    expect(isNotFound(error)).toBe(true);
    expect((error as ApiError).message).toBe(`get Pod ${namespace}/absent failed: 404 NotFound`);
  });

  it("lists page by page, and names the kind in every item", async () => {
    const ns = await aNamespace(client);
    for (const name of ["a", "b", "c"]) {
      await client.create(kinds.ConfigMap, { metadata: { namespace: ns, name } }, {}, forever);
    }
    const first = await client.list(kinds.ConfigMap, { namespace: ns, limit: 2 }, forever);
    const { continueToken } = first;
    const second = await client.list(kinds.ConfigMap, { namespace: ns, limit: 2, continueToken }, forever);
    const all = [...first.items, ...second.items];
    expect(all.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "ConfigMap a",
      "ConfigMap b",
      "ConfigMap c",
    ]);
    expect(second.continueToken).toBeUndefined();
  });

  it("replaces an object only if nobody wrote in between", async () => {
    const ref = { namespace, name: "replaced" };
    const old = await client.create(kinds.ConfigMap, { metadata: ref }, {}, forever);
    await client.replace(kinds.ConfigMap, { ...old, data: { a: "1" } }, {}, forever);
    const error = await client
      .replace(kinds.ConfigMap, { ...old, data: { a: "2" } }, {}, forever)
      .catch((e: unknown) => e);
    expect(isConflict(error)).toBe(true);
  });
});

describe("the connection", () => {
  it("is kept: calls after each other need no new one each", async () => {
    await using path = await TcpProxy.start(controlPlane.url);
    const ours = clientOf(controlPlane, `https://127.0.0.1:${path.port}`);
    for (let call = 0; call < 50; call++) await ours.getText("/version", forever);
    expect(path.connections).toBeLessThanOrEqual(2); // undici frees one only a moment after its answer
    await ours.close();
  });

  it("works from a kubeconfig", async () => {
    const config = await readKubeConfig(controlPlane.kubeconfig);
    const ours = createClient({ config, userAgent: "kube-test/1" });
    expect(JSON.parse(await ours.getText("/version", forever))).toMatchObject({ major: "1" });
    await ours.close();
  });

  it("that cannot be made is a ConnectionError that names the server", async () => {
    const nowhere = clientOf(controlPlane, "https://127.0.0.1:1");
    const error = await nowhere.getText("/version", forever).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toBe("get /version: cannot reach https://127.0.0.1:1 (ECONNREFUSED)");
    await nowhere.close();
  });

  it("to a server with a certificate of somebody else is refused", async () => {
    const config = { ...configOf(controlPlane), readCa: undefined };
    const ours = createClient({ config, userAgent: "kube-test/1" });
    await expect(ours.getText("/version", forever)).rejects.toThrow(ConnectionError);
    await ours.close();
  });

  it("that is made while the lease is lost carries no write", async () => {
    await using path = await TcpProxy.start(controlPlane.url);
    const unfenced = clientOf(controlPlane, `https://127.0.0.1:${path.port}`);
    const ours = fenced(unfenced, () => path.connections === 0);
    const ref = { namespace, name: "late" };
    await expect(ours.create(kinds.ConfigMap, { metadata: ref }, {}, forever)).rejects.toThrow(NotLeaderError);
    expect(path.connections).toBe(1);
    expect(await unfenced.find(kinds.ConfigMap, ref, forever)).toBeUndefined();
    await unfenced.close();
  });

  it("repeats a read and an apply after a reset, but not a create", async () => {
    const ca = controlPlane.certificateAuthority;
    await using proxy = await FaultProxy.start({ url: controlPlane.url, ca });
    const ours = clientOf(controlPlane, proxy.url);
    const resetOnce = (): void => {
      proxy.seen.length = 0;
      proxy.fault = () => (proxy.seen.length === 1 ? { kind: "Reset" } : undefined);
    };
    const metadata = { namespace, name: "reset" };
    resetOnce();
    await ours.getText("/version", forever);
    resetOnce();
    await ours.apply(kinds.ConfigMap, { metadata }, {}, forever);
    resetOnce();
    await expect(ours.create(kinds.ConfigMap, { metadata }, {}, forever)).rejects.toThrow(ConnectionError);
    expect(proxy.seen).toHaveLength(1);
    await ours.close();
  });
});

describe("an answer that asks for something", () => {
  it("429 is obeyed, also by a create", async () => {
    const ca = controlPlane.certificateAuthority;
    await using proxy = await FaultProxy.start({ url: controlPlane.url, ca });
    let refusals = 2;
    proxy.fault = () => (refusals-- > 0 ? { kind: "Answer", code: 429, retryAfterSeconds: 1 } : undefined);
    const results: CallResult[] = [];
    const onResult = (result: CallResult): void => void results.push(result);
    const ours = createClient({ config: configOf(controlPlane, proxy.url), userAgent: "kube-test/1", onResult });
    const startMs = performance.now();
    await ours.create(kinds.ConfigMap, { metadata: { namespace, name: "throttled" } }, {}, forever);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(2_000);
    expect(results.map(({ verb, resource, code, attempt }) => [verb, resource, code, attempt])).toEqual([
      ["create", "configmaps", 429, 1],
      ["create", "configmaps", 429, 2],
      ["create", "configmaps", 201, 3],
    ]);
    await ours.close();
  });

  it("a write is not sent again by a process that has lost its lease in the meantime", async () => {
    const ca = controlPlane.certificateAuthority;
    await using proxy = await FaultProxy.start({ url: controlPlane.url, ca });
    proxy.fault = () => ({ kind: "Answer", code: 429, retryAfterSeconds: 1 });
    const unfenced = clientOf(controlPlane, proxy.url);
    const ours = fenced(unfenced, () => proxy.seen.length === 0);
    const metadata = { namespace, name: "fenced" };
    const patch = { kind: "Merge", body: {} } as const;
    for (const write of [
      ours.create(kinds.ConfigMap, { metadata }, {}, forever),
      ours.apply(kinds.ConfigMap, { metadata }, {}, forever),
      ours.replace(kinds.ConfigMap, { metadata }, {}, forever),
      ours.patch(kinds.ConfigMap, metadata, patch, {}, forever),
      ours.remove(kinds.ConfigMap, metadata, {}, forever),
    ].map((sent) => expect(sent).rejects.toThrow(NotLeaderError))) {
      await write;
    }
    expect(proxy.seen.map(({ method }) => method).toSorted()).toEqual(["DELETE", "PATCH", "PATCH", "POST", "PUT"]);
    await unfenced.close();
  });

  it("401 makes it read the token again", async () => {
    const tokens = ["of-yesterday", controlPlane.adminToken];
    const config = { ...configOf(controlPlane), readToken: async () => tokens.shift() ?? controlPlane.adminToken };
    const ours = createClient({ config, userAgent: "kube-test/1" });
    expect(await ours.find(kinds.Namespace, { name: namespace }, forever)).toBeDefined();
    await ours.close();
  });

  it("401 for a token that is really refused is an error, after two attempts", async () => {
    const codes: number[] = [];
    const config = { ...configOf(controlPlane), readToken: async () => "nobody" };
    const ours = createClient({ config, userAgent: "kube-test/1", onResult: ({ code }) => void codes.push(code) });
    await expect(ours.getText("/version", forever)).rejects.toThrow(ApiError);
    expect(codes).toEqual([401, 401]);
    await ours.close();
  });

  it("a call ends with its signal", async () => {
    const ca = controlPlane.certificateAuthority;
    await using proxy = await FaultProxy.start({ url: controlPlane.url, ca });
    proxy.fault = () => ({ kind: "Silence" });
    const ours = clientOf(controlPlane, proxy.url);
    const controller = new AbortController();
    const call = ours.getText("/version", controller.signal);
    controller.abort(new Error("stopped"));
    await expect(call).rejects.toThrow("stopped");
    await ours.close();
  });
});
