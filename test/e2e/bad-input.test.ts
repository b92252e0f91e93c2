import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, KubectlError, kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { JUPYTER_IMAGE, type ServerObject, TestServer } from "./server.ts";
import { attacksOn } from "../integration/policy/attacks.ts";

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

/** What belongs to a server, without what Kubernetes itself writes down now and then. */
async function childrenOf(server: TestServer): Promise<readonly object[]> {
  const kinds = "statefulsets,services,ingresses,configmaps,networkpolicies,secrets,pods";
  const selector = `amalthea.dev/parent-name=${server.name}`;
  const { items } = JSON.parse(await kubectl(["get", kinds, "-n", server.namespace, "-l", selector, "-o", "json"])) as {
    readonly items: readonly { readonly metadata: object; readonly status?: object }[];
  };
  return items.map(({ metadata, status: _status, ...content }) => ({
    ...content,
    metadata: { ...metadata, resourceVersion: undefined },
  }));
}

// In a cluster of the user's all tests share one namespace.
describe.skipIf(cluster.namespace !== undefined)("somebody who may write servers in one namespace only", () => {
  const mallory = "system:serviceaccount:e2e-mallory:mallory";

  beforeAll(async () => {
    await useNamespace("e2e-mallory");
    const inNamespace = ["-n", "e2e-mallory"];
    await kubectl(["create", "role", "servers", "--verb=*", "--resource=jupyterservers.amalthea.dev", ...inNamespace]);
    await kubectl(["create", "rolebinding", "servers", "--role=servers", `--user=${mallory}`, ...inNamespace]);
  });

  afterAll(() => leaveNamespace("e2e-mallory"));

  it("stops neither the controller nor a server of another namespace, nor gets what she asks for", async () => {
    const route = { host: "victim.e2e.localhost", path: "/victim" };
    const victim = new TestServer("victim", namespace, route);
    await victim.apply();
    await waitFor(`jupyterserver/${victim.name}`, namespace, "condition=Ready");
    const lookAround = async (): Promise<object> => ({
      controller: await controllerPods(),
      spec: (await victim.read()).spec,
      children: await childrenOf(victim),
    });
    const before = await lookAround();
    expect(await controllerPods()).not.toEqual([]);
    expect(await childrenOf(victim)).not.toEqual([]);
    const attacks = attacksOn({ ...route, namespace, name: victim.name }).filter(
      ({ refusedBy }) => refusedBy === undefined,
    );
    const items = attacks.map(({ spec }, at) => ({
      ...{ apiVersion: "amalthea.dev/v1alpha1", kind: "JupyterServer" },
      metadata: { name: `attack-${at}`, namespace: "e2e-mallory" },
      spec: { jupyterServer: { image: JUPYTER_IMAGE }, routing: { ...route, path: `/mallory/${at}` }, ...spec },
    }));
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    await kubectl(["create", "-f", "-", "--as", mallory], list);
    const reasons = Object.fromEntries(attacks.map(({ reason }, at) => [`attack-${at}`, reason]));
    await until(stalledReasons, (stalled) => isDeepStrictEqual(stalled, reasons));
    await expect(kubectl(["get", "secrets", "-n", namespace, "--as", mallory])).rejects.toThrow("forbidden");
    expect((await victim.ask("/api/status", await victim.token())).status).toBe(200);
    expect(await lookAround()).toEqual(before);
  });
});

/** Why each of Mallory's servers is stalled, by its name. */
async function stalledReasons(): Promise<Readonly<Record<string, string | undefined>>> {
  const { items } = JSON.parse(await kubectl(["get", "jupyterservers", "-n", "e2e-mallory", "-o", "json"])) as {
    readonly items: readonly (ServerObject & { readonly metadata: { readonly name: string } })[];
  };
  return Object.fromEntries(
    items.map(({ metadata, status }) => [
      metadata.name,
      status?.conditions?.find(({ type }) => type === "Stalled")?.reason,
    ]),
  );
}
