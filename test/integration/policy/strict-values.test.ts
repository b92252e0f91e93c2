import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { aServer } from "../api/resource.ts";
import { type Operator, startOperator } from "../controller/operator.ts";
import { conditionOf, eventually, User } from "../controller/servers.ts";
import { startWorld, type World } from "../controller/world.ts";

const NAMESPACE = "team";

let world: World;
let operator: Operator;
let user: User;

/** The values of the guide, as a reader would take them. */
function guideValues(): Readonly<Record<string, unknown>> {
  const guide = readFileSync(fileURLToPath(new URL("../../../docs/guide/policies.md", import.meta.url)), "utf8");
  const yaml = /^## A strict set of values\n[^]*?^```yaml\n([^]*?)^```$/m.exec(guide)?.[1];
  if (yaml === undefined) throw new Error("the guide has no strict set of values");
  return parse(yaml) as Readonly<Record<string, unknown>>;
}

const PORTAL = "system:serviceaccount:portal:portal";

/** What the values let pass, but for what `spec` says. */
function allowed(spec: object = {}, settings: object = {}): object {
  const limits = { cpu: "1", memory: "1Gi" };
  return aServer({
    jupyterServer: { image: "registry.example.org/lab:1", resources: { limits }, ...settings },
    routing: { host: "hub.example.org", path: "/team/alice" },
    ...spec,
  });
}

beforeAll(async () => {
  world = await startWorld(guideValues());
  await world.makeNamespace(NAMESPACE);
  for (const name of [PORTAL, "alice"]) {
    const binding = ["create", "rolebinding", `servers-${name.replaceAll(":", "-")}`, `--namespace=${NAMESPACE}`];
    await world.cluster.kubectl([...binding, "--clusterrole=cluster-admin", `--user=${name}`]);
  }
  user = new User(world.admin, NAMESPACE);
  operator = await startOperator(world);
  await operator.leading;
  await eventually(() =>
    expect(create(allowed({ auth: { token: "t" } }), "alice", "--dry-run=server")).rejects.toThrow("spec.auth"),
  );
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
});

async function create(object: object, as: string, ...args: readonly string[]): Promise<void> {
  const all = ["create", `--namespace=${NAMESPACE}`, "-f=-", `--as=${as}`, ...args];
  await world.cluster.kubectl(all, { stdin: JSON.stringify(object) });
}

const addEnv = {
  op: "add",
  path: "/statefulset/spec/template/spec/containers/0/env/-",
  value: { name: "A", value: "b" },
};
const patched = (...patch: readonly object[]): object => ({
  patches: [{ type: "application/json-patch+json", patch }],
});

describe("the strict values of the guide", () => {
  it("let an ordinary server be made, and its NetworkPolicy keeps it from the node's metadata", async () => {
    await create(allowed(), "alice");
    await user.makePodReady("alice");
    const server = await user.until("alice", ({ status }) => status?.state === "running");
    expect(conditionOf(server, "Stalled")).toBeUndefined();
    const policy = await user.get(kinds.NetworkPolicy, "alice");
    expect(policy.spec?.policyTypes).toEqual(["Ingress", "Egress"]);
    expect(JSON.stringify(policy.spec?.egress)).toContain('"169.254.0.0/16"');
    expect(policy.spec?.ingress?.[0]?.from).toHaveLength(1);
  });

  it("let the portal set a token and an environment variable by patch", async () => {
    const object = allowed({ auth: { token: "secret" }, ...patched(addEnv) });
    await create({ ...object, metadata: { name: "by-portal" } }, PORTAL, "--dry-run=server");
  });

  it.each<[string, object, string]>([
    ["an image of another registry", allowed({}, { image: "evil.example.org/lab" }), "spec.jupyterServer.image"],
    [
      "another namespace's path",
      allowed({ routing: { host: "hub.example.org", path: "/other/alice" } }),
      "spec.routing",
    ],
    ["another service account", allowed({}, { serviceAccountName: "builder" }), "serviceAccountName"],
    [
      "a patch of the pod",
      allowed(patched({ ...addEnv, path: "/statefulset/spec/template/spec/hostPID" })),
      "spec.patches",
    ],
    ["a patch of the Service", allowed(patched({ op: "remove", path: "/service/spec/ports" })), "spec.patches"],
  ])("refuse %s when it is written, also by the portal", async (_what, object, field) => {
    await expect(create(object, PORTAL, "--dry-run=server")).rejects.toThrow(field);
  });

  it.each<[string, object]>([
    ["a token", { auth: { token: "" } }],
    [
      "a token of the pod's account",
      { jupyterServer: { image: "registry.example.org/lab:1", automountServiceAccountToken: true } },
    ],
    ["a patch", patched(addEnv)],
  ])("refuse a user %s", async (_what, spec) => {
    await expect(create(allowed(spec), "alice", "--dry-run=server")).rejects.toThrow("alice may not set or change");
  });

  it.each<[string, object, string]>([
    ["no-limit", allowed({}, { resources: {} }), "NotAllowed"],
    ["too-large", allowed({}, { resources: { limits: { cpu: "64", memory: "1Gi" } } }), "NotAllowed"],
    ["secret-volume", allowed({}, { extraVolumes: [{ name: "v", secret: { secretName: "other" } }] }), "NotAllowed"],
    ["account-token", allowed({}, { automountServiceAccountToken: true }), "NotAllowed"],
    ["node-volume", allowed({}, { extraVolumes: [{ name: "v", hostPath: { path: "/" } }] }), "PodSecurity"],
  ])("keep the server %s from being made, also for the portal", async (name, object, reason) => {
    const routing = { host: "hub.example.org", path: `/team/${name}` };
    const { spec } = object as { readonly spec: object };
    await create({ ...object, metadata: { name }, spec: { ...spec, routing } }, PORTAL);
    const server = await user.until(name, (seen) => conditionOf(seen, "Stalled") !== undefined);
    expect(conditionOf(server, "Stalled")?.reason).toBe(reason);
    expect(await user.find(kinds.StatefulSet, name)).toBeUndefined();
  });
});
