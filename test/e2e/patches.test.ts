import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectl, leaveNamespace, namesOf, useNamespace, waitFor } from "./cluster.ts";
import { inServer, podOf, untilObserved, untilReason, untilWithout } from "./look.ts";
import { JUPYTER_IMAGE, TestServer } from "./server.ts";

let namespace: string;
let server: TestServer;

const POD = "/statefulset/spec/template/spec";

/** What Pod Security `restricted` asks of a container. */
const securityContext = {
  runAsUser: 1000,
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/** What clients of 0.24 are known to send, to a server without a login as well. */
const known = [
  {
    type: "application/json-patch+json",
    patch: [
      { op: "add", path: `${POD}/volumes/-`, value: { name: "extra", emptyDir: {} } },
      { op: "add", path: `${POD}/containers/0/volumeMounts/-`, value: { name: "extra", mountPath: "/extra" } },
      { op: "add", path: `${POD}/containers/0/env/-`, value: { name: "CLIENT", value: "ours" } },
      { op: "add", path: `${POD}/containers/1/args/-`, value: "--insecure-oidc-allow-unverified-email" },
      {
        op: "add",
        path: `${POD}/initContainers/-`,
        value: {
          name: "prepare",
          image: JUPYTER_IMAGE,
          command: ["sh", "-c", "echo prepared > /extra/file"],
          volumeMounts: [{ name: "extra", mountPath: "/extra" }],
          securityContext,
        },
      },
      {
        op: "add",
        path: `${POD}/containers/-`,
        value: {
          name: "sidecar",
          image: JUPYTER_IMAGE,
          command: ["sh", "-c", "trap exit TERM; sleep infinity & wait"],
          securityContext,
        },
      },
    ],
  },
  {
    type: "application/merge-patch+json",
    patch: { notes: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "patched-notes" }, data: { a: "b" } } },
  },
];

beforeAll(async () => {
  namespace = await useNamespace("e2e-patches");
  server = new TestServer("patched", namespace);
  await server.apply({ patches: known });
  await waitFor("jupyterserver/patched", namespace, "condition=Ready");
});

afterAll(() => leaveNamespace(namespace));

/** The steps are changes to one server and build on each other. */
describe("patches that clients send", () => {
  it("add containers, init containers, volumes and variables to the pod", async () => {
    expect(await inServer(server, "cat /extra/file; echo $CLIENT")).toBe("prepared\nours");
    const containers = (await podOf(server))?.spec.containers.map(({ name }) => name);
    expect(containers).toEqual(["jupyter-server", "sidecar"]);
    expect((await server.read()).status).toMatchObject({
      containerStates: { init: { prepare: "ready" }, regular: { "jupyter-server": "ready", sidecar: "ready" } },
    });
  });

  it("that address the proxy, which a server with a token has no more, are skipped with a warning", async () => {
    const condition = await server.condition("PatchWarning");
    expect(condition).toMatchObject({ status: "True", reason: "PatchOperationSkipped" });
    expect(condition?.message).toContain("/containers/1/args/-");
  });

  it("add objects, which belong to the server", async () => {
    const owner = ".metadata.ownerReferences[0].name";
    const read = ["get", "configmap", "patched-notes", "-n", namespace, "-o", `jsonpath={.data.a} {${owner}}`];
    expect(await kubectl(read)).toBe("b patched");
    expect((await server.read()).status).toMatchObject({ children: { notes: { name: "patched-notes" } } });
  });

  it("take objects away again when they are removed, and leave the pod alone", async () => {
    const pod = await server.podUid();
    await server.patch({ spec: { patches: known.slice(0, 1) } });
    await waitFor("configmap/patched-notes", namespace, "delete");
    expect(await server.podUid()).toBe(pod);
    expect(await server.condition("UpdatePending")).toBeUndefined();
  });

  it("may drop the Ingress, and bring it back", async () => {
    const dropping = { type: "application/merge-patch+json", patch: { ingress: null } };
    // A merge patch of the server itself would lose the null: those of the API server drop it from lists as well.
    const operations = [{ op: "add", path: "/spec/patches/-", value: dropping }];
    const patch = ["--type=json", "-p", JSON.stringify(operations)];
    await kubectl(["patch", "jupyterserver", "patched", "-n", namespace, ...patch]);
    await waitFor("ingress/patched", namespace, "delete");
    await untilObserved(server);
    expect(await server.condition("Ready")).toMatchObject({ status: "True" });
    await server.patch({ spec: { patches: known.slice(0, 1) } });
    await waitFor("ingress/patched", namespace, "create");
    await waitFor("jupyterserver/patched", namespace, "condition=Ready");
  });

  it("that do not fit are named by index, path and reason; the server runs on", async () => {
    const pod = await server.podUid();
    const patch = [{ op: "replace", path: `${POD}/containers/7/image`, value: "x" }];
    await server.patch({ spec: { patches: [...known.slice(0, 1), { type: "application/json-patch+json", patch }] } });
    const { message } = (await untilReason(server, "Stalled", "InvalidPatch")) ?? {};
    expect(message).toContain("patches[1]");
    expect(message).toContain(`${POD}/containers/7/image`);
    expect(await server.condition("Ready")).toMatchObject({ status: "True" });
    expect(await server.podUid()).toBe(pod);
    expect(await namesOf("ingress", namespace, "amalthea.dev/parent-name=patched")).toHaveLength(1);
  });

  it("that do not fit do not keep the server from being hibernated", async () => {
    await server.patch({ spec: { jupyterServer: { hibernated: true } } });
    await waitFor("pod/patched-0", namespace, "delete");
    await waitFor("jupyterserver/patched", namespace, "jsonpath={.status.state}=hibernated");
    expect(await server.condition("Stalled")).toMatchObject({ reason: "InvalidPatch" });
  });

  it("that the API server refuses are named, and correcting them is enough", async () => {
    const patch = [{ op: "add", path: `${POD}/restartPolicy`, value: "Never" }];
    const wrong = { type: "application/json-patch+json", patch };
    await server.patch({ spec: { patches: [wrong], jupyterServer: { hibernated: false } } });
    const { message } = (await untilReason(server, "Stalled", "InvalidChild")) ?? {};
    expect(message).toContain("restartPolicy");
    await server.patch({ spec: { patches: [] } });
    await waitFor("jupyterserver/patched", namespace, "condition=Ready");
    await untilWithout(server, "Stalled");
    expect((await podOf(server))?.spec.containers).toHaveLength(1);
  });
});
