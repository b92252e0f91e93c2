import { routeOf, type Patch } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { aServer, someSettings } from "../testing/builders.ts";
import { listOf, valueAt } from "../values/json.ts";
import { desiredChildren, type Desired } from "./desired.ts";

const OIDC = { enabled: true, issuerUrl: "https://id.example.org", clientId: "jupyter", clientSecret: { value: "s" } };
const JOB = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" };
const CRON_JOB = { apiVersion: "batch/v1", kind: "CronJob", plural: "cronjobs" };
const CONTROLLER = { apiVersion: "v1", kind: "ReplicationController", plural: "replicationcontrollers" };
const BUDGET = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" };
const OWN_UID = aServer().metadata.uid;
const NEIGHBOUR = { app: "bob", "amalthea.dev/parent-uid": "99999999-9999-4999-8999-999999999999" };

function render(oidc: object, patch: unknown): Desired {
  const type = Array.isArray(patch) ? "application/json-patch+json" : "application/merge-patch+json";
  const patches: readonly Patch[] = [{ type, patch }];
  const server = aServer({ patches, oidc, routing: { tls: { enabled: true } } });
  const settings = someSettings({ extraChildKinds: [JOB, CRON_JOB, CONTROLLER, BUDGET] });
  return desiredChildren(server, settings, { wanted: routeOf(server), served: undefined, kept: undefined });
}

const token = (patch: unknown): Desired => render({}, patch);
const login = (patch: unknown): Desired => render(OIDC, patch);
const loginWithAuthority = (patch: unknown): Desired =>
  render({ ...OIDC, trustedCA: { configMapName: "authority", key: "ca.crt" } }, patch);

function reasons({ problems }: Desired): readonly string[] {
  return problems.map((problem) => (problem.kind === "ChildInvalid" ? problem.reason : problem.kind));
}

/** Beside the server itself, which is one, too. */
const upstreams = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `http://127.0.0.1:9000/${index}/`);
const forwardTo = (upstream: string): object => ({
  ...{ op: "add", path: "/statefulset/spec/template/spec/containers/1/args/-" },
  value: `--upstream=${upstream}`,
});

function statefulSetOf(desired: Desired): unknown {
  if (desired.kind !== "Rendered") throw new Error(JSON.stringify(desired.problems));
  return desired.children.find(({ childKey }) => childKey === "statefulset")?.manifest;
}

function containersOf(desired: Desired): readonly unknown[] {
  return listOf(valueAt(statefulSetOf(desired), "spec", "template", "spec", "containers"));
}

const service = (selector: unknown): unknown => ({ extra: { apiVersion: "v1", kind: "Service", spec: { selector } } });
const policy = (podSelector: unknown): unknown => ({
  extra: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", spec: { podSelector } },
});
const workload = (metadata: unknown): unknown => ({
  extra: { apiVersion: "apps/v1", kind: "StatefulSet", spec: { template: { metadata, spec: { containers: [] } } } },
});
const withSelector = (selector: unknown): unknown => ({
  extra: { apiVersion: "apps/v1", kind: "StatefulSet", spec: { selector, template: { spec: { containers: [] } } } },
});
const WRITTEN_BY_KUBERNETES = [
  "statefulset.kubernetes.io/pod-name",
  "apps.kubernetes.io/pod-index",
  "controller-revision-hash",
  "pod-template-hash",
  "pod-template-generation",
  "batch.kubernetes.io/job-completion-index",
  "controller-uid",
  "job-name",
  "topology.kubernetes.io/zone",
  "topology.k8s.io/zone",
];
const job = (metadata: unknown): unknown => ({ extra: { ...JOB, spec: { template: { metadata } } } });

describe("an object of a server", () => {
  it.each([
    ["a pod that a neighbour's Service selects", workload({ labels: NEIGHBOUR }), "parent-uid"],
    ["a pod with a neighbour's name", workload({ labels: { app: "bob" } }), "can be another server's name"],
    ["a Job's pod with a neighbour's name", job({ labels: { app: "bob" } }), "can be another server's name"],
    [
      "a pod that takes the place of the server's own",
      workload({ labels: { "amalthea.dev/parent-uid": OWN_UID } }),
      "own pod",
    ],
    [
      "a claim template of a neighbour",
      {
        extra: {
          apiVersion: "apps/v1",
          kind: "StatefulSet",
          spec: { volumeClaimTemplates: [{ metadata: { labels: NEIGHBOUR } }] },
        },
      },
      "parent-uid",
    ],
    [
      "a neighbour's uid as its own label",
      { extra: { apiVersion: "v1", kind: "ConfigMap", metadata: { labels: NEIGHBOUR } } },
      "parent-uid",
    ],
    ["a Service for a neighbour's pod", service(NEIGHBOUR), "pods of other servers"],
    ["a Service for a neighbour's name", service({ app: "bob" }), "pods of other servers"],
    [
      "a Service for any server's pod",
      service({ "app.kubernetes.io/component": "jupyterserver" }),
      "pods of other servers",
    ],
    ["a NetworkPolicy for all pods", policy({}), "pods of other servers"],
    ["a NetworkPolicy that says nothing of pods", policy(undefined), "pods of other servers"],
    ["a NetworkPolicy for a neighbour's pod", policy({ matchLabels: NEIGHBOUR }), "pods of other servers"],
    [
      "a budget for all pods",
      { extra: { ...BUDGET, spec: { maxUnavailable: 0, selector: {} } } },
      "pods of other servers",
    ],
  ])("that patches make %s is refused with the field, and the others are made", (_what, patch, because) => {
    const desired = token(patch);
    expect(reasons(desired)).toEqual([expect.stringContaining(because)]);
    expect(desired).toMatchObject({ kind: "Rendered", refusedKeys: ["extra"] });
  });

  it.each(WRITTEN_BY_KUBERNETES)("whose selector depends on %s, which Kubernetes writes, is refused", (label) => {
    const reason = `the label ${label} is written by Kubernetes, and the pods would be orphaned; select by another one`;
    for (const selector of [
      { matchLabels: { tier: "x", [label]: "z" } },
      { matchLabels: { tier: "x" }, matchExpressions: [{ key: label, operator: "Exists" }] },
    ]) {
      const own = token({ statefulset: { spec: { selector } } });
      expect(own.kind).toBe("Unrenderable");
      for (const desired of [own, token(withSelector(selector))]) {
        expect(reasons(desired)).toEqual([`spec.selector: ${reason}`]);
      }
    }
  });

  it.each([
    [
      "can lose pods that get a label later",
      withSelector({ matchExpressions: [{ key: "istio.example.org/mode", operator: "DoesNotExist" }] }),
      "spec.selector: a label can be added later, and the pods would be orphaned; select by In or Exists, not DoesNotExist",
    ],
    [
      "leaves out a value that a label may get later",
      withSelector({ matchExpressions: [{ key: "tier", operator: "NotIn", values: ["old"] }] }),
      "select by In or Exists, not NotIn",
    ],
    [
      "stands within a template of Jobs",
      {
        extra: {
          ...CRON_JOB,
          spec: { jobTemplate: { spec: { selector: { matchLabels: { "job-name": "z" } }, template: {} } } },
        },
      },
      "spec.jobTemplate.spec.selector: the label job-name is written by Kubernetes",
    ],
    [
      "is a plain map",
      { extra: { ...JOB, spec: { selector: { "job-name": "z" }, template: {} } } },
      "spec.selector: the label job-name is written by Kubernetes",
    ],
    ["can be changed", { extra: CONTROLLER }, "the selector of a ReplicationController can change"],
  ])("whose selector %s is refused", (_what, patch, because) => {
    expect(reasons(token(patch))).toEqual([expect.stringContaining(because)]);
  });

  it("keeps its own Service from leading to a neighbour", () => {
    expect(reasons(token({ service: { spec: { selector: NEIGHBOUR } } }))).toEqual([
      expect.stringContaining("spec.selector can select pods of other servers; add the label app: alice"),
    ]);
  });

  it.each([
    ["a Service for the server's pod", service({ app: "alice" })],
    ["a narrower Service for the server's pod", service({ app: "alice", tier: "x" })],
    ["a Service without a selector", service(undefined)],
    ["a NetworkPolicy for the server's pod", policy({ matchLabels: { app: "alice" } })],
    ["a pod that belongs to the server", workload({ labels: { app: "alice", part: "database" } })],
    [
      "a StatefulSet that selects by the recommended labels",
      withSelector({
        matchLabels: { "app.kubernetes.io/name": "db" },
        matchExpressions: [{ key: "tier", operator: "Exists" }],
      }),
    ],
    ["a Service for one pod of a StatefulSet", service({ app: "alice", "statefulset.kubernetes.io/pod-name": "db-0" })],
    ["a pod with a label that Kubernetes writes", workload({ labels: { "controller-revision-hash": "z" } })],
    ["a Job without labels", job(undefined)],
    ["a budget without a selector", { extra: { ...BUDGET, spec: { maxUnavailable: 1 } } }],
    ["an object whose key all objects inherit", { toString: { apiVersion: "v1", kind: "ConfigMap" } }],
  ])("may be %s", (_what, patch) => {
    expect(token(patch).problems).toEqual([]);
  });

  it.each([
    ["itself", { service: { metadata: { finalizers: ["a.example.org/b"] } } }, "metadata.finalizers"],
    [
      "its pod",
      { statefulset: { spec: { template: { metadata: { finalizers: ["a.example.org/b"] } } } } },
      "spec.template.metadata.finalizers",
    ],
  ])("cannot keep %s by a finalizer", (_what, patch, field) => {
    expect(reasons(token(patch))).toEqual([expect.stringContaining(`${field} would keep it`)]);
  });

  it.each([
    ["../../secrets/other", "must consist of"],
    [5, "must consist of"],
    ["alice", "the name and kind of service"],
  ])("cannot be called %j beside the server's own", (name, because) => {
    const extra = { apiVersion: "v1", kind: "Service", metadata: { name }, spec: {} };
    expect(reasons(token({ extra }))).toEqual([expect.stringContaining(because)]);
  });

  it("cannot have a key that is no value of a label", () => {
    const children = { "a b": { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } } };
    expect(reasons(token(children))).toEqual(["its key cannot be the value of a label"]);
  });

  it("cannot be smuggled in as what a document inherits", () => {
    const patch: unknown = JSON.parse(
      '{"statefulset":null,"__proto__":{"statefulset":{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"x"}}}}',
    );
    const desired = token(patch);
    expect(desired.problems).toEqual([
      { kind: "PatchFailed", patchIndex: 0, path: "", reason: "the key __proto__ is reserved" },
    ]);
  });
});

describe("the pod of a server", () => {
  const replaced = (...names: readonly string[]): unknown => ({
    statefulset: { spec: { template: { spec: { containers: names.map((name) => ({ name, image: "x" })) } } } },
  });

  it.each([
    ["jupyter-server", token(replaced("other"))],
    ["jupyter-server", login(replaced("oauth2-proxy"))],
    ["oauth2-proxy", login(replaced("jupyter-server"))],
  ])("keeps the container %s when a merge patch replaces the list", (name, desired) => {
    expect(desired.kind).toBe("Unrenderable");
    expect(reasons(desired)).toEqual([expect.stringContaining(`${name} is missing; a merge patch replaces`)]);
  });

  it.each(["authorization", "auth-proxy"])("leaves the name %s to the login", (name) => {
    const add = [{ op: "add", path: "/statefulset/spec/template/spec/containers/-", value: { name, image: "x" } }];
    expect(reasons(login(add))).toEqual([expect.stringContaining("is a container of the login")]);
    expect(token(add).problems).toEqual([]);
  });

  it.each([
    ["login-sessions", "define", { name: "login-sessions", emptyDir: {} }, "/template/spec/volumes/-"],
    ["access-policy", "define", { name: "access-policy", configMap: { name: "mine" } }, "/template/spec/volumes/-"],
    ["trusted-ca", "define", { name: "trusted-ca", emptyDir: {} }, "/template/spec/volumes/-"],
    // A claim takes the place of a volume of its name.
    ["login-sessions", "replace", [{ metadata: { name: "login-sessions" } }], "/volumeClaimTemplates"],
    [
      "login-sessions",
      "mount",
      { name: "login-sessions", mountPath: "/loot" },
      "/template/spec/containers/0/volumeMounts/-",
    ],
    [
      "access-policy",
      "mount",
      [{ name: "x", volumeMounts: [{ name: "access-policy", mountPath: "/x" }] }],
      "/template/spec/initContainers",
    ],
    [
      "auth-proxy-routes",
      "mount",
      { name: "auth-proxy-routes", mountPath: "/x" },
      "/template/spec/containers/1/volumeMounts/-",
    ],
  ])("leaves the volume %s to the login's containers: patches cannot %s it", (name, _what, value, place) => {
    const add = [{ op: "add", path: `/statefulset/spec${place}`, value }];
    expect(reasons(loginWithAuthority(add))).toEqual([
      expect.stringContaining(`the volume ${name} belongs to the login`),
    ]);
  });

  it.each([
    ["another host", ["http://10.0.0.1/x/"], "the upstream http://10.0.0.1/x/ is not in the pod"],
    ["more upstreams than fit", upstreams(50), "oauth2-proxy has more than 50 upstreams"],
  ])("does not let its login forward to %s", (_where, added, because) => {
    expect(reasons(login(added.map(forwardTo)))).toEqual([because]);
    expect(login(upstreams(49).map(forwardTo)).problems).toEqual([]);
  });

  it("may mount the certificate authority of the login's provider", () => {
    const mount = { name: "trusted-ca", mountPath: "/ca" };
    const path = "/statefulset/spec/template/spec/containers/0/volumeMounts/-";
    const desired = loginWithAuthority([{ op: "add", path, value: mount }]);
    expect(desired.problems).toEqual([]);
    expect(listOf(valueAt(containersOf(desired)[0], "volumeMounts"))).toContainEqual(mount);
  });

  it("has no two containers of one name", () => {
    const add = [
      { op: "add", path: "/statefulset/spec/template/spec/initContainers/-", value: { name: "jupyter-server" } },
    ];
    expect(reasons(token(add))).toEqual([expect.stringContaining("two have the name jupyter-server")]);
  });

  const ports = (value: unknown): unknown => [
    { op: "add", path: "/statefulset/spec/template/spec/containers/0/ports", value },
  ];
  const ours = { name: "http", containerPort: 8888, protocol: "TCP" };

  it.each([
    ["beside others", [{ name: "metrics", containerPort: 9000 }], [ours, { name: "metrics", containerPort: 9000 }], []],
    ["where its number has another name", [{ name: "web", containerPort: 8888 }], [ours], ["PortNameTaken"]],
    [
      "where its name is given another number",
      [{ name: "http", containerPort: 9999 }],
      [{ name: "http", containerPort: 9999 }],
      [],
    ],
  ])("keeps the port that its Service looks for %s", (_where, given, expected, whys) => {
    const desired = token(ports(given));
    expect(valueAt(containersOf(desired)[0], "ports")).toEqual(expected);
    expect(adjustmentsIn(desired)).toEqual(whys);
  });

  it("does not let another container take the requests by the port's name", () => {
    const metrics = { name: "metrics", containerPort: 9000 };
    const desired = login(ports([{ name: "http", containerPort: 8888 }, metrics]));
    expect(valueAt(containersOf(desired)[0], "ports")).toEqual([{ containerPort: 8888 }, metrics]);
    expect(adjustmentsIn(desired)).toEqual(["PortNameTaken"]);
  });
});

describe("the StatefulSet of a server", () => {
  const ordinals = (start: number): Desired => token({ statefulset: { spec: { ordinals: { start } } } });

  it("numbers its pod 0, by which it is found, and says that it leaves another number out", () => {
    const desired = ordinals(5);
    expect(valueAt(statefulSetOf(desired), "spec", "ordinals")).toBeUndefined();
    expect(desired.warnings).toEqual([
      {
        kind: "ChildAdjusted",
        childKey: "statefulset",
        adjustments: [{ field: "spec.ordinals", why: "OrdinalFixed" }],
      },
    ]);
    expect(ordinals(0).warnings).toEqual([]);
  });
});

describe("what a create would drop or merge", () => {
  const container = "/statefulset/spec/template/spec/containers/0";

  it("is dropped or merged with a warning that names it", () => {
    const desired = token([
      { op: "add", path: `${container}/securityContext/fsGroup`, value: 100 },
      { op: "add", path: `${container}/env/-`, value: { name: "A", value: "1" } },
      { op: "add", path: `${container}/env/-`, value: { name: "B", value: "2" } },
      { op: "add", path: `${container}/env/-`, value: { name: "A", value: "3" } },
      { op: "add", path: "/statefulset/metadata/uid", value: "x" },
      { op: "add", path: "/service/status", value: {} },
    ]);
    expect(desired.warnings).toEqual([
      { kind: "ChildAdjusted", childKey: "service", adjustments: [{ field: "status", why: "WrittenByKubernetes" }] },
      {
        kind: "ChildAdjusted",
        childKey: "statefulset",
        adjustments: [
          { field: "spec.template.spec.containers[jupyter-server].env[A]", why: "Duplicate" },
          { field: "spec.template.spec.containers[jupyter-server].securityContext.fsGroup", why: "NoSuchField" },
          { field: "metadata.uid", why: "WrittenByKubernetes" },
        ],
      },
    ]);
    const env = listOf(valueAt(containersOf(desired)[0], "env")).filter((one) =>
      ["A", "B"].includes(String(valueAt(one, "name"))),
    );
    expect(env).toEqual([
      { name: "A", value: "3" },
      { name: "B", value: "2" },
    ]);
    expect(valueAt(statefulSetOf(desired), "metadata", "uid")).toBeUndefined();
  });

  it.each([
    { jupyterServer: { tolerations: [{ key: "gpu", valeu: "a" }] }, field: "tolerations[0].valeu" },
    { jupyterServer: { affinity: { nodeAfinity: {} } }, field: "affinity.nodeAfinity" },
    { jupyterServer: { resources: { limit: { cpu: 1 } } }, field: "resources.limit" },
    { jupyterServer: { extraVolumes: [{ name: "a", emptydir: {} }] }, field: "extraVolumes[a].emptydir" },
    {
      jupyterServer: { extraVolumeMounts: [{ name: "a", mountPath: "/a", readonly: true }] },
      field: "extraVolumeMounts[/a].readonly",
    },
    ...["traefik", "oauth2Proxy", "authorization"].map((sidecar) => ({
      jupyterServer: { sidecarResources: { [sidecar]: { limit: { cpu: 1 } } } },
      field: `sidecarResources.${sidecar}.limit`,
    })),
  ])("is named as in the spec where it comes from there: $field", ({ jupyterServer, field }) => {
    const patches: readonly Patch[] = [
      { type: "application/merge-patch+json", patch: { statefulset: { spec: { template: { spec: { typo: 1 } } } } } },
    ];
    const server = aServer({ jupyterServer, patches, oidc: OIDC, routing: { tls: { enabled: true } } });
    const routes = { wanted: routeOf(server), served: undefined, kept: undefined };
    const { warnings } = desiredChildren(server, someSettings(), routes);
    const fields = warnings
      .flatMap((one) => (one.kind === "ChildAdjusted" ? one.adjustments : []))
      .map((one) => one.field);
    expect(fields.toSorted()).toEqual([`spec.jupyterServer.${field}`, "spec.template.spec.typo"]);
  });

  it("is no warning where it says nothing", () => {
    const patch = { service: { metadata: { finalizers: [] } } };
    expect(token(patch).warnings).toEqual([]);
    expect(token([{ op: "add", path: "/service/metadata/creationTimestamp", value: null }]).warnings).toEqual([]);
  });

  it("is no limit of 0 where an amount is null", () => {
    const resources = { limits: { memory: null, cpu: 2 }, requests: { memory: "1Gi" } };
    const server = aServer({ jupyterServer: { resources }, oidc: OIDC, routing: { tls: { enabled: true } } });
    const routes = { wanted: routeOf(server), served: undefined, kept: undefined };
    const settings = someSettings({ sidecars: { traefik: { resources }, oauth2Proxy: { resources } } });
    const desired = desiredChildren(server, settings, routes);
    const given = containersOf(desired).map((one) => [valueAt(one, "name"), valueAt(one, "resources")]);
    const expected = { limits: { cpu: 2 }, requests: { memory: "1Gi" } };
    expect(Object.fromEntries(given)).toMatchObject({
      ...{ "jupyter-server": expected, "oauth2-proxy": expected, "auth-proxy": expected },
    });
    expect(JSON.stringify(given)).not.toContain("null");
    expect(desired.warnings).toEqual([]);
  });

  it("tells ports apart by number and protocol, of which TCP may be left out", () => {
    const add = (value: unknown): unknown => ({ op: "add", path: "/service/spec/ports/-", value });
    const desired = token([
      add({ name: "a", port: 80, protocol: "UDP" }),
      add({ name: "b", port: 81 }),
      add({ name: "c", port: 81, protocol: "TCP" }),
    ]);
    expect(desired.warnings).toMatchObject([
      { childKey: "service", adjustments: [{ field: "spec.ports[81 TCP]", why: "Duplicate" }] },
    ]);
  });

  it("is left as it is in kinds that are not the server's own", () => {
    const desired = token({ extra: { ...JOB, spec: { anything: 1 } } });
    expect(desired.warnings).toEqual([]);
  });
});

function adjustmentsIn({ warnings }: Desired): readonly string[] {
  return warnings.flatMap((warning) =>
    warning.kind === "ChildAdjusted" ? warning.adjustments.map(({ why }) => why) : [],
  );
}
