import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, KubectlError, kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { type ServerObject, TestServer } from "./server.ts";

let namespace: string;

beforeAll(async () => {
  namespace = await useNamespace("e2e-bad-input");
});

afterAll(() => leaveNamespace(namespace));

/** Waits until some condition carries the reason, whichever condition that is. */
async function waitForReason(server: TestServer, reason: string): Promise<void> {
  const carriesReason = ({ status }: ServerObject): boolean =>
    status?.conditions?.some((condition) => condition.reason === reason) ?? false;
  await until(() => server.read(), carriesReason);
}

describe("a server that cannot work says why, and correcting it is enough", () => {
  it.each([
    {
      mistake: "an image that does not exist",
      spec: { jupyterServer: { image: "jupyter/does-not-exist:v9", imagePullSecrets: [{ name: "no-such-secret" }] } },
      reason: "ImageNotFound",
      tells: "the node did not find these pull secrets: no-such-secret.",
    },
    {
      mistake: "a storage class that does not exist",
      spec: { storage: { size: "1Gi", pvc: { enabled: true, storageClassName: "no-such-class" } } },
      correction: { storage: { size: "1Gi", pvc: { enabled: true, storageClassName: null } } },
      reason: "StorageClassMissing",
    },
    {
      mistake: "a patch that points nowhere",
      spec: {
        patches: [
          { type: "application/json-patch+json", patch: [{ op: "remove", path: "/statefulset/spec/no-such-field" }] },
        ],
      },
      correction: { patches: [] },
      reason: "InvalidPatch",
    },
  ])("$mistake", async ({ mistake, spec, correction, reason, tells = "" }) => {
    const server = new TestServer(`bad-${mistake.split(" ")[1]}`, namespace);
    await server.apply(spec);
    await waitForReason(server, reason);
    await until(
      () => server.condition("Stalled"),
      (condition) => condition?.message.includes(tells) === true,
    );
    await (correction === undefined ? server.apply() : server.patch({ spec: correction }));
    await waitFor(`jupyterserver/${server.name}`, namespace, "condition=Ready");
  });

  it("a server without a host is refused with the field and the fix", async () => {
    const server = new TestServer("no-host", namespace);
    await expect(server.apply({ routing: { host: null } as unknown as object })).rejects.toThrow(KubectlError);
    await expect(server.apply({ routing: { host: null } as unknown as object })).rejects.toThrow(/routing.*host/);
  });
});

/** uid and restarts of each pod of the controller. */
async function controllerPods(): Promise<readonly string[]> {
  const output = "jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount}{'\\n'}{end}";
  const selector = "app.kubernetes.io/component=controller,app.kubernetes.io/name=amalthea";
  const text = await kubectl(["get", "pods", "--all-namespaces", "-l", selector, "-o", output]);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
}

const patch = (...operations: readonly object[]): object => ({
  patches: [{ type: "application/json-patch+json", patch: operations }],
});

const notes = { apiVersion: "v1", kind: "ConfigMap", metadata: {}, data: {} };

// In a cluster of the user's all tests share one namespace.
describe.skipIf(cluster.namespace !== undefined)("somebody who may write servers in one namespace only", () => {
  const attacks: readonly { readonly name: string; readonly reason: string; readonly spec: Record<string, object> }[] =
    [
      {
        name: "doubling",
        reason: "InvalidPatch",
        spec: patch(
          { op: "add", path: "/notes", value: notes },
          ...Array.from({ length: 26 }, (_, at) => ({ op: "copy", from: "/notes", path: `/notes/c${at}` })),
        ) as Record<string, object>,
      },
      {
        name: "built-in",
        reason: "InvalidPatch",
        spec: patch({ op: "add", path: "/hasOwnProperty/call", value: "boom" }) as Record<string, object>,
      },
      {
        name: "finalizer",
        reason: "InvalidChild",
        spec: patch({ op: "add", path: "/service/metadata/finalizers", value: ["a.example.org/b"] }) as Record<
          string,
          object
        >,
      },
      {
        name: "node",
        reason: "PodSecurity",
        spec: patch({ op: "add", path: "/statefulset/spec/template/spec/hostPID", value: true }) as Record<
          string,
          object
        >,
      },
      { name: "route", reason: "RouteTaken", spec: { routing: { path: "/e2e-bad-input/victim" } } },
    ];
  const mallory = "system:serviceaccount:e2e-mallory:mallory";

  beforeAll(async () => {
    await useNamespace("e2e-mallory");
    const inNamespace = ["-n", "e2e-mallory"];
    await kubectl(["create", "role", "servers", "--verb=*", "--resource=jupyterservers.amalthea.dev", ...inNamespace]);
    await kubectl(["create", "rolebinding", "servers", "--role=servers", `--user=${mallory}`, ...inNamespace]);
  });

  afterAll(() => leaveNamespace("e2e-mallory"));

  it("stops neither the controller nor a server of another namespace, nor takes its route", async () => {
    const victim = new TestServer("victim", namespace);
    await victim.apply();
    await waitFor(`jupyterserver/${victim.name}`, namespace, "condition=Ready");
    const before = { pods: await controllerPods(), spec: (await victim.read()).spec, pod: await victim.podUid() };
    expect(before.pods.length).toBeGreaterThan(0);
    for (const { name, spec, reason } of attacks) {
      const attacker = new TestServer(name, "e2e-mallory");
      await attacker.apply(spec, ["--as", mallory]);
      await waitForReason(attacker, reason);
    }
    await expect(kubectl(["get", "secrets", "-n", namespace, "--as", mallory])).rejects.toThrow("forbidden");
    expect((await victim.ask("/api/status", await victim.token())).status).toBe(200);
    expect({ pods: await controllerPods(), spec: (await victim.read()).spec, pod: await victim.podUid() }).toEqual(
      before,
    );
  });
});
