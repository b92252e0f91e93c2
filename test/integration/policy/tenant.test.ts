import { createClient, type Kind, type KubeClient, kinds, readKubeConfig } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Operator, startOperator } from "../controller/operator.ts";
import { SERVER_KIND as SERVERS } from "../../../controller/src/kinds.ts";
import { childKinds, conditionOf, User } from "../controller/servers.ts";
import { startWorld, type World } from "../controller/world.ts";

const forever = new AbortController().signal;
const MALLORY_TOKEN = "mallorys-token";

let world: World;
let operator: Operator;
let alice: User;
let mallorysClient: KubeClient;
let mallory: User;

/** May do everything with servers in the namespace `two`, and nothing else. */
const MALLORYS_RIGHTS = [
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "servers", namespace: "two" },
    rules: [{ apiGroups: ["amalthea.dev"], resources: ["jupyterservers"], verbs: ["*"] }],
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "servers", namespace: "two" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "servers" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "mallory" }],
  },
];

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"], { users: [{ name: "mallory", token: MALLORY_TOKEN }] });
  for (const name of ["one", "two"]) await world.makeNamespace(name);
  await world.cluster.kubectl(["apply", "--server-side", "-f=-"], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: MALLORYS_RIGHTS }),
  });
  alice = new User(world.admin, "one");
  const config = await readKubeConfig(world.cluster.kubeconfigFor(MALLORY_TOKEN));
  mallorysClient = createClient({ config, userAgent: "mallory/1" });
  mallory = new User(mallorysClient, "two");
  operator = await startOperator(world);
  await operator.leading;
  await alice.create("alice");
  await alice.makePodReady("alice");
  await alice.until("alice", ({ status }) => status?.state === "running");
  await operator.idle();
});

afterAll(async () => {
  await operator?.stop();
  await mallorysClient?.close();
  await world?.stop();
});

/** The server of the other namespace and all that belongs to it. */
async function worldOfAlice(): Promise<unknown> {
  const watched: readonly Kind[] = [...childKinds.filter(({ kind }) => kind !== "Secret"), kinds.Pod];
  const objects = await Promise.all(
    watched.map(async (kind) => {
      const names = kind.kind === "Pod" ? "alice-0" : "alice";
      return await world.admin.find(kind, { namespace: "one", name: names }, forever);
    }),
  );
  return { server: await alice.server("alice"), objects };
}

const json = (path: string, value: unknown): object => ({
  patches: [{ type: "application/json-patch+json", patch: [{ op: "add", path, value }] }],
});

const ingressFor = (spec: object, annotations: object = {}): object => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { annotations },
  spec,
});

const toMallory = { service: { name: "mallory", port: { number: 80 } } };
const alicesPath = (path = "/one/alice", pathType = "Prefix"): object => ({
  http: { paths: [{ path, pathType, backend: toMallory }] },
});
const host = "hub.example.org";
const POD = "/statefulset/spec/template/spec";

const ATTACKS: readonly { readonly what: string; readonly reason: string; readonly spec: object }[] = [
  { what: "her own route", reason: "RouteTaken", spec: { routing: { host, path: "/one/alice" } } },
  { what: "a route within hers", reason: "RouteTaken", spec: { routing: { host, path: "/one/alice/lab" } } },
  { what: "a route around hers", reason: "RouteTaken", spec: { routing: { host, path: "/" } } },
  {
    what: "an Ingress on her route",
    reason: "RouteTaken",
    spec: json("/more", ingressFor({ rules: [{ host, ...alicesPath() }] })),
  },
  {
    what: "an Ingress for every host",
    reason: "RouteTaken",
    spec: json("/more", ingressFor({ rules: [alicesPath()] })),
  },
  {
    what: "an Ingress with a wildcard",
    reason: "RouteTaken",
    spec: json("/more", ingressFor({ rules: [{ host: "*.example.org", ...alicesPath() }] })),
  },
  {
    what: "a regular expression",
    reason: "RouteTaken",
    spec: json("/more", ingressFor({ rules: [{ host, ...alicesPath("/(one|x)/.*", "ImplementationSpecific") }] })),
  },
  {
    what: "a default backend",
    reason: "RouteTaken",
    spec: json("/more", ingressFor({ defaultBackend: toMallory })),
  },
  {
    what: "a privileged container",
    reason: "PodSecurity",
    spec: json(`${POD}/containers/0/securityContext/privileged`, true),
  },
  { what: "the node's processes", reason: "PodSecurity", spec: json(`${POD}/hostPID`, true) },
  {
    what: "the node's files",
    reason: "PodSecurity",
    spec: json(`${POD}/volumes/-`, { name: "node", hostPath: { path: "/" } }),
  },
  { what: "a load balancer", reason: "NotAllowed", spec: json("/service/spec/type", "LoadBalancer") },
  { what: "any address", reason: "NotAllowed", spec: json("/service/spec/externalIPs", ["192.0.2.1"]) },
];

describe("somebody who may write servers in one namespace only", () => {
  it.each(ATTACKS)("gets neither $what, nor at a server of another namespace", async ({ reason, spec }) => {
    const before = await worldOfAlice();
    const routing = { host, path: "/two/mallory" };
    await mallory.create("mallory", { routing, ...spec });
    const server = await new User(world.admin, "two").until("mallory", ({ status }) =>
      (status?.conditions ?? []).some(({ type }) => type === "Stalled"),
    );
    expect(conditionOf(server, "Stalled")?.reason).toBe(reason);
    await operator.idle();
    expect(await worldOfAlice()).toEqual(before);
    await mallory.remove(SERVERS, "mallory");
    await operator.idle();
    expect(await worldOfAlice()).toEqual(before);
  });

  it("cannot write the record of what is tolerated", async () => {
    await mallory.create("mallory", { routing: { host, path: "/two/mallory" } });
    const patch = { kind: "Merge", body: { status: { toleratedViolations: ["anything"] } } } as const;
    const at = { namespace: "two", name: "mallory" };
    await expect(mallorysClient.patch(SERVERS, at, patch, { subresource: "status" }, forever)).rejects.toThrow("403");
    await mallory.patchServer("mallory", patch.body);
    await operator.idle();
    const server = await new User(world.admin, "two").until("mallory", ({ status }) => status?.state !== undefined);
    expect(server.status?.toleratedViolations).toEqual([]);
  });
});
