import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FIXTURES, legacyCrd } from "../../e2e/legacy-controller.ts";
import { jupyterServerCrd, specSchema } from "@amalthea/api";
import { broken } from "../api/old-objects.ts";
import { aServer, create as createIn, installCrd, patch, remove, type Someone } from "../api/resource.ts";
import { type Operator, startOperator } from "../controller/operator.ts";
import { conditionOf, eventually, User } from "../controller/servers.ts";
import { renderChart, startWorld, type World } from "../controller/world.ts";

/** Where only what can never work is refused. */
const LOOSE = "loose";
/** Where an administrator allows little. */
const STRICT = "strict";

const FINALIZER = "kopf.zalando.org/KopfFinalizerMarker";

const ENV = "/statefulset/spec/template/spec/containers/0/env";

const strictValues = {
  fullnameOverride: "tight",
  serviceAccount: { name: "amalthea" }, // the controller's, who always passes
  scope: { namespaces: [STRICT] },
  policy: {
    patches: { kinds: ["StatefulSet", "ConfigMap"], paths: [ENV, "/*/metadata/labels", "/notes", "/a~1b"] },
    images: ["registry.example.org/**", "jupyter/*"],
    serviceAccounts: ["lab-*"],
    routes: { allowed: ["HUB.example.org/{namespace}", "*.{name}.example.org"], namespaceAnnotation: true },
  },
  admissionPolicies: {
    enabled: true,
    authEditors: [
      { kind: "User", name: "alice" },
      { kind: "ServiceAccount", namespace: "portal", name: "portal" },
    ],
    patchEditors: [{ kind: "Group", name: "developers" }],
  },
};

/** What the controller itself would refuse, or may write, does not depend on this. */
const looseValues = { fullnameOverride: "open", scope: { namespaces: [LOOSE] }, admissionPolicies: { enabled: true } };

let world: World;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"]);
  for (const name of [LOOSE, STRICT]) await world.makeNamespace(name);
  await storeBefore();
  for (const values of [looseValues, strictValues]) await installPolicies(values);
  const role = ["create", "clusterrolebinding", "everybody", "--clusterrole=cluster-admin"];
  await world.cluster.kubectl([...role, "--group=system:authenticated"]);
  // A policy takes effect a moment after it was made.
  const takenIn = (object: object, namespace: string, sentence: string): Promise<void> =>
    eventually(() => expect(create(object, namespace, someone("bob"))).rejects.toThrow(sentence));
  const image = "jupyter/lab:1";
  for (const [namespace, aServerWith] of [[LOOSE, server] as const, [STRICT, strictServer] as const]) {
    await takenIn(aServerWith({ jupyterServer: { image, ...reserved } }), namespace, "spec.jupyterServer.env");
    await takenIn(aServerWith({ patches: [json("add")] }), namespace, "spec.patches");
  }
  await takenIn(strictServer({ auth: { token: "t" } }), STRICT, "bob may not");
});

afterAll(() => world?.stop());

const tooMany = Array.from({ length: 501 }, () => json());
const reserved = { env: [{ name: "AMALTHEA_X", value: "x" }] };

function json(...patch: readonly unknown[]): object {
  return { type: "application/json-patch+json", patch };
}

function merge(patch: unknown): object {
  return { type: "application/merge-patch+json", patch };
}

function server(spec: object): object {
  return aServer(spec);
}

/** A server that the strict policies let pass, but for what `spec` says. */
function strictServer(spec: object): object {
  const routing = { host: "hub.example.org", path: "/strict/alice" };
  return aServer({ routing, jupyterServer: { image: "jupyter/lab:1" }, ...spec });
}

async function installPolicies(values: Readonly<Record<string, unknown>>): Promise<void> {
  const items = renderChart(values).filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy"));
  expect(items.length).toBeGreaterThanOrEqual(4);
  await world.cluster.kubectl(["create", "-f=-"], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  });
}

/** Creates an object in a dry run. @returns What would be stored. */
function create(object: object, namespace: string, as?: Someone): Promise<string> {
  return createIn(world.cluster, object, { namespace, as });
}

/** Everybody has every right, but for what the policies refuse. */
function someone(user: string, ...groups: readonly string[]): Someone {
  return { user, groups: [...groups, "system:authenticated"] };
}

/** Objects that violate the policies, from before they were there. */
async function storeBefore(): Promise<void> {
  await installCrd(world.cluster, legacyCrd());
  const finalizers = [FINALIZER];
  const items = broken.map(({ metadata, ...rest }) => ({ ...rest, metadata: { ...metadata, finalizers } }));
  await world.cluster.kubectl(["create", `--namespace=${STRICT}`, "-f=-"], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  });
  await installCrd(world.cluster, jupyterServerCrd);
  const hostile = { host: "elsewhere.example.org", path: "/" };
  const patches = [json({ op: "add", path: "/service/spec/type", value: "NodePort" })];
  const old = aServer({ routing: hostile, patches, jupyterServer: reserved, auth: { token: "t" } }, "violating");
  await world.cluster.kubectl(["create", `--namespace=${STRICT}`, "-f=-"], { stdin: JSON.stringify(old) });
}

type Switch = { readonly enabled?: boolean };

type Manifest = { readonly kind: string; readonly metadata: object; readonly spec?: Readonly<Record<string, unknown>> };

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(fileURLToPath(new URL(`../../fixtures/${name}.json`, import.meta.url)), "utf8"));
}

/** What clients of 0.24 created. */
const createdByClients = FIXTURES.filter((name) => name !== "no-host").map((name) => {
  const { items } = fixture(`0.24/${name}`) as { readonly items: readonly Manifest[] };
  const found = items.find(({ kind }) => kind === "JupyterServer");
  return { name, spec: found?.spec ?? {} };
});

const oidc = { enabled: true, issuerUrl: "https://idp.example.org", clientId: "c", clientSecret: { value: "s" } };
const long = "x".repeat(1_000_000);
const many = (count: number, of: (index: number) => unknown): readonly unknown[] =>
  Array.from({ length: count }, (_, i) => of(i));

describe("the admission policies with the chart's defaults", () => {
  it.each(createdByClients)("admit $name, which a client of 0.24 created", async ({ name, spec }) => {
    const { auth, routing } = spec as {
      readonly auth?: { readonly oidc?: Switch };
      readonly routing?: { readonly tls?: Switch };
    };
    const isPlainLogin = auth?.oidc?.enabled === true && routing?.tls?.enabled !== true;
    const created = create(aServer(spec, name), LOOSE);
    // 0.24 accepted a login on plain http, which no browser keeps; the controller refuses it, too.
    if (isPlainLogin) await expect(created).rejects.toThrow("browsers keep a login only on https");
    else await created;
  });

  it("admit the session that a real client of 0.24 creates", async () => {
    const { metadata, ...rest } = fixture("clients/session") as Manifest;
    await create({ ...rest, metadata: { ...metadata, namespace: LOOSE } }, LOOSE);
  });

  it.each<[string, object]>([
    ["nothing but a host", {}],
    ["nulls instead of fields", { auth: null, patches: null, jupyterServer: null, storage: null }],
    ["nulls among resources", { jupyterServer: { resources: { requests: null, limits: { cpu: null } } } }],
    ["a patch without content", { patches: [{ type: "application/json-patch+json", patch: [] }, merge({})] }],
    [
      "resources in every spelling",
      {
        jupyterServer: {
          resources: { requests: { cpu: 0.5, memory: "1e3" }, limits: { cpu: "1", "nvidia.com/gpu": 1 } },
        },
      },
    ],
    [
      "every operation of a JSON patch",
      {
        patches: [
          json(
            { op: "add", path: "/a", value: null },
            { op: "copy", from: "/a", path: "/b" },
            { op: "test", path: "/b", value: 1 },
            { op: "remove", path: "/b" },
          ),
        ],
      },
    ],
    [
      "a login behind another proxy",
      { auth: { oidc }, routing: { host: "h.example.org", externalUrl: "https://H.example.org:8443/" } },
    ],
    ["a login on localhost", { auth: { oidc }, routing: { host: "hub.localhost" } }],
  ])("admit %s", async (_what, spec) => {
    await create(server(spec), LOOSE);
  });

  it.each<[string, object, string]>([
    [
      "an amount that is none",
      { jupyterServer: { resources: { limits: { memory: "4GB" } } } },
      "spec.jupyterServer.resources: requests and limits must be quantities",
    ],
    [
      "a list of resources",
      { jupyterServer: { resources: { limits: ["cpu"] } } },
      "requests and limits must be quantities",
    ],
    [
      "a request above its limit",
      { jupyterServer: { resources: { requests: { memory: "2Gi" }, limits: { memory: "1Gi" } } } },
      "a request must not exceed the limit",
    ],
    [
      "a variable of the controller's",
      { jupyterServer: { env: [{ name: "JUPYTER_CONFIG_PATH", value: "/" }] } },
      "spec.jupyterServer.env: JUPYTER_CONFIG_PATH",
    ],
    ["a login on http", { auth: { oidc } }, "spec.routing.tls.enabled: browsers keep a login only on https"],
    [
      "a login on two hosts",
      { auth: { oidc }, routing: { host: "h.example.org", externalUrl: "https://g.example.org" } },
      "spec.routing.externalUrl: with a login its host must be routing.host",
    ],
    [
      "a JSON patch that is an object",
      { patches: [{ type: "application/json-patch+json", patch: { op: "add" } }] },
      "a JSON patch must be a list of operations",
    ],
    ["an operation that is a text", { patches: [json("add")] }, "a JSON patch must be a list of operations"],
    ["an operation without a path", { patches: [json({ op: "remove" })] }, "a JSON patch must be a list of operations"],
    [
      "an operation that does not exist",
      { patches: [json({ op: "merge", path: "/a", value: 1 })] },
      "a JSON patch must be a list of operations",
    ],
    [
      "an operation without a value",
      { patches: [json({ op: "add", path: "/a" })] },
      "a JSON patch must be a list of operations",
    ],
    [
      "a patch of the whole document",
      { patches: [json({ op: "remove", path: "" })] },
      "a JSON patch must be a list of operations",
    ],
    ["a merge patch that is a list", { patches: [merge([])] }, "a merge patch must be an object"],
    ["a merge patch that is nothing", { patches: [merge(null)] }, "a merge patch must be an object"],
    ["too many patches", { patches: tooMany }, "there may be at most 500 patches with 5000 operations"],
    [
      "too many operations",
      { patches: [json(...many(5_001, () => ({ op: "test", path: "/a", value: 1 })))] },
      "there may be at most 500 patches",
    ],
    [
      "too many children",
      { patches: [merge(Object.fromEntries(many(58, (i) => [`c${i}`, {}]) as [string, object][]))] },
      "a merge patch may name at most 57 children",
    ],
  ])("refuse %s", async (_what, spec, sentence) => {
    await expect(create(server(spec), LOOSE)).rejects.toThrow(sentence);
  });
});

/** Each about as large as the API server takes; whatever is said of it, it is not that checking it costs too much. */
const large: readonly (readonly [string, object])[] = [
  ["a long text in a patch", { patches: [json({ op: "add", path: "/notes", value: long })] }],
  ["a long path", { patches: [json({ op: "add", path: `/${long}`, value: 1 })] }],
  [
    "long paths that move",
    { patches: [json({ op: "move", path: `/${"a/".repeat(250_000)}`, from: `/${"b/".repeat(250_000)}` })] },
  ],
  [
    "thousands of operations",
    { patches: [json(...many(5_000, (i) => ({ op: "add", path: `${ENV}/${i}/${"y".repeat(100)}`, value: 1 })))] },
  ],
  [
    "hundreds of allowed operations",
    {
      patches: [
        json(
          ...many(500, (i) => ({ op: "add", path: `${ENV}/-`, value: { name: `V${i}`, value: "y".repeat(1_800) } })),
        ),
      ],
    },
  ],
  [
    "hundreds of other operations",
    {
      patches: [
        json(
          ...many(500, (i) => ({
            op: "move",
            path: `/x/metadata/labels/${i}${"y".repeat(200)}`,
            from: `/y/metadata/labels/${"z".repeat(200)}`,
          })),
        ),
      ],
    },
  ],
  [
    "hundreds of patches",
    {
      patches: many(500, (i) =>
        merge(
          Object.fromEntries(
            many(50, (j) => [`c${i}-${j}`, { metadata: { labels: { a: "b" } } }]) as [string, object][],
          ),
        ),
      ),
    },
  ],
  [
    "a large merge patch",
    {
      patches: [
        merge({
          notes: {
            kind: "ConfigMap",
            data: Object.fromEntries(many(60_000, (i) => [`k${i}`, "v"]) as [string, string][]),
          },
        }),
      ],
    },
  ],
  [
    "tens of thousands of labels",
    {
      patches: [
        merge({
          statefulset: { metadata: Object.fromEntries(many(60_000, (i) => [`k${i}`, "v"]) as [string, string][]) },
        }),
      ],
    },
  ],
  ["tens of thousands of empty patches", { patches: many(20_000, () => json()) }],
  [
    "tens of thousands of variables",
    { jupyterServer: { image: "jupyter/lab", env: many(30_000, (i) => ({ name: `V${i}` })) } },
  ],
  [
    "tens of thousands of resources",
    {
      jupyterServer: {
        image: "jupyter/lab",
        resources: { requests: Object.fromEntries(many(60_000, (i) => [`r${i}`, 1]) as [string, number][]) },
      },
    },
  ],
  [
    "a long amount",
    { jupyterServer: { image: "jupyter/lab", resources: { requests: { cpu: "1".repeat(1_000_000) } } } },
  ],
  ["a long image", { jupyterServer: { image: `registry.example.org/${long}` } }],
  ["a long service account", { jupyterServer: { image: "jupyter/lab", serviceAccountName: long } }],
  ["a long token", { auth: { token: long } }],
  ["a path of many segments", { routing: { host: "hub.example.org", path: `/strict${"/a".repeat(400)}` } }],
];

describe.each([LOOSE, STRICT])("objects as large as can be, where the policies are %s", (namespace) => {
  it.each(large)("%s", async (_what, spec) => {
    const object = namespace === STRICT ? strictServer(spec) : server(spec);
    const said = await create(object, namespace, someone("alice", "developers")).then(
      () => "admitted",
      (error: unknown) => String(error),
    );
    expect(said).not.toMatch(/cost|budget|exceed|no such|error:.*expression/i);
  });
});

describe("the admission policies of a strict administrator", () => {
  const alice = someone("alice", "developers");

  beforeAll(async () => {
    const routes = "amalthea.dev/allowed-routes=(,own.example.org/lab , ,*";
    await world.cluster.kubectl(["annotate", "namespace", STRICT, routes]);
  });

  it.each<[string, object]>([
    ["its namespace's path", { routing: { host: "hub.example.org", path: "/strict/x" } }],
    ["the path itself, in another spelling", { routing: { host: "hub.example.org", path: "strict//" } }],
    ["the host of its name", { routing: { host: "x.alice.example.org", path: "/" } }],
    ["a host that the Namespace's annotation names", { routing: { host: "own.example.org", path: "/lab" } }],
    ["an image of a deep repository", { jupyterServer: { image: "registry.example.org/a/b/c@sha256:0" } }],
    ["a service account that is allowed", { jupyterServer: { image: "jupyter/lab", serviceAccountName: "lab-1" } }],
    [
      "the service account that everybody has",
      { jupyterServer: { image: "jupyter/lab", serviceAccountName: "default" } },
    ],
    [
      "a variable by JSON patch",
      { patches: [json({ op: "add", path: `${ENV}/-`, value: {} }, { op: "test", path: "/service", value: 1 })] },
    ],
    [
      "a label of a StatefulSet by merge patch",
      { patches: [merge({ statefulset: { metadata: { labels: { a: "b" } } } })] },
    ],
    [
      "an object of an allowed kind",
      {
        patches: [
          json({ op: "add", path: "/notes", value: { kind: "ConfigMap", data: {} } }),
          merge({ notes: { kind: "ConfigMap" } }),
        ],
      },
    ],
    ["a key with a slash", { patches: [merge({ "a/b": { kind: "ConfigMap", data: {} } })] }],
  ])("admit %s", async (_what, spec) => {
    await eventually(() => create(strictServer(spec), STRICT, alice), 10_000);
  });

  it.each<[string, object, string]>([
    [
      "another namespace's path",
      { routing: { host: "hub.example.org", path: "/strictly" } },
      "spec.routing: hub.example.org/strictly is not among the allowed routes of the namespace strict, which are HUB.example.org/strict",
    ],
    ["a path around its own", { routing: { host: "hub.example.org" } }, "is not among the allowed routes"],
    ["another host", { routing: { host: "hub.example.com", path: "/strict" } }, "is not among the allowed routes"],
    [
      "a host with more labels",
      { routing: { host: "a.b.alice.example.org", path: "/" } },
      "is not among the allowed routes",
    ],
    [
      "a host that only looks like its own",
      { routing: { host: "hubxexample.org", path: "/strict" } },
      "is not among the allowed routes",
    ],
    [
      "an image of another registry",
      { jupyterServer: { image: "evil.example.org/lab" } },
      "spec.jupyterServer.image: evil.example.org/lab is not allowed; allowed are registry.example.org/**, jupyter/*",
    ],
    ["an image in a folder", { jupyterServer: { image: "jupyter/a/b" } }, "jupyter/a/b is not allowed"],
    [
      "an image that only begins so",
      { jupyterServer: { image: "registryxexample.org/a" } },
      "registryxexample.org/a is not allowed",
    ],
    [
      "another service account",
      { jupyterServer: { image: "jupyter/lab", serviceAccountName: "admin" } },
      "serviceAccountName: admin is not allowed; allowed are default, lab-*",
    ],
    [
      "another place by JSON patch",
      { patches: [json({ op: "add", path: "/statefulset/spec/template/spec/hostPID", value: true })] },
      "patches may change only what is at or below /statefulset/spec",
    ],
    [
      "a place that only begins so",
      { patches: [json({ op: "add", path: `${ENV}From`, value: [] })] },
      "patches may change only what is at or below",
    ],
    [
      "a place around it",
      { patches: [json({ op: "remove", path: "/statefulset" })] },
      "patches may change only what is at or below",
    ],
    [
      "what a move takes away",
      { patches: [json({ op: "move", path: `${ENV}/-`, from: "/statefulset/spec/replicas" })] },
      "patches may change only what is at or below",
    ],
    [
      "another place by merge patch",
      { patches: [merge({ statefulset: { spec: { replicas: 2 } } })] },
      "patches may change only what is at or below",
    ],
    [
      "the whole of a child by merge patch",
      { patches: [merge({ statefulset: null })] },
      "patches may change only what is at or below",
    ],
    [
      "a list by merge patch",
      { patches: [merge({ statefulset: { spec: { template: { spec: { containers: [] } } } } })] },
      "patches may change only what is at or below",
    ],
    [
      "a child of another kind by JSON patch",
      { patches: [json({ op: "add", path: "/service/metadata/labels/a", value: "b" })] },
      "patches may change or add objects of these kinds only: StatefulSet, ConfigMap",
    ],
    [
      "a child of another kind by merge patch",
      { patches: [merge({ service: { metadata: { labels: {} } } })] },
      "patches may change or add objects of these kinds only",
    ],
    [
      "an added object of another kind",
      { patches: [json({ op: "add", path: "/notes", value: { kind: "Job" } })] },
      "patches may change or add objects of these kinds only",
    ],
    [
      "an added object that is none",
      { patches: [json({ op: "add", path: "/x", value: 5 })] },
      "patches may change only what is at or below",
    ],
    [
      "an added object of another kind, in another spelling",
      { patches: [merge({ notes: { kind: "configmap" } })] },
      "patches may change or add objects of these kinds only",
    ],
    [
      "a copy of another kind",
      { patches: [json({ op: "copy", from: "/secret", path: "/notes" })] },
      "patches may change or add objects of these kinds only",
    ],
    [
      "more operations than can be checked",
      { patches: [json(...many(501, () => ({ op: "test", path: ENV, value: 1 })))] },
      "with 500 operations",
    ],
  ])("refuse %s", async (_what, spec, sentence) => {
    await expect(create(strictServer(spec), STRICT, alice)).rejects.toThrow(sentence);
  });

  const developers = someone("carol", "developers");
  const nobody = someone("Alice", "Developers");
  const portal = someone("system:serviceaccount:portal:portal");
  const patches = [json({ op: "add", path: `${ENV}/-`, value: {} })];

  it("let those set a token or a login whom the chart names, and nobody else", async () => {
    for (const user of [alice, portal]) await create(strictServer({ auth: { token: "t" } }), STRICT, user);
    await create(strictServer({}), STRICT, nobody);
    await create(
      strictServer({ auth: { oidc: { enabled: false, issuerUrl: "", authorizedEmails: [] } } }),
      STRICT,
      nobody,
    );
    const latent = [
      { issuerUrl: "https://i" },
      { clientId: "c" },
      { clientSecret: { value: "s" } },
      { allowAnyUser: true },
      { allowUnverifiedEmail: true },
      { authorizedEmails: ["a@example.org"] },
      { authorizedGroups: ["g"] },
      { authorizedUserIds: ["u"] },
      { userId: "u" },
      { scopes: ["openid"] },
      { groupsClaim: "name" },
      { emailClaim: "preferred_username" },
      { trustedCA: { configMapName: "c" } },
      { discovery: { loginUrl: "https://i", redeemUrl: "https://i", jwksUrl: "https://i" } },
      { extraAudiences: ["a"] },
      { endProviderSession: true },
      { session: { renewalSeconds: 0 } },
      { sessionsNotBefore: "2026-01-01T00:00:00Z" },
      { bearer: { enabled: true, audiences: ["a"] } },
    ];
    const oidcSchema = specSchema.properties?.["auth"]?.properties?.["oidc"]?.properties ?? {};
    const named = ["enabled", ...latent.flatMap((fields) => Object.keys(fields))];
    expect(new Set(named)).toEqual(new Set(Object.keys(oidcSchema)));
    const ways = [
      ...[{ token: "" }, { token: "t" }, { tokenSecretRef: { name: "s", key: "k" } }, { oidc }],
      ...latent.map((fields) => ({ oidc: { enabled: false, ...fields } })),
    ];
    for (const auth of ways) {
      const routing = { host: "hub.example.org", path: "/strict/x", tls: { enabled: true } };
      const created = create(strictServer({ auth, routing }), STRICT, nobody);
      await expect(created).rejects.toThrow(
        "spec.auth: Alice may not set or change it (admissionPolicies.authEditors)",
      );
    }
  });

  it("let only those mark a server as one of 0.24 who may say who is let in, for its login admits more", async () => {
    const marks = [
      { annotations: { "amalthea.dev/taken-over-at": "2026-01-01T00:00:00Z" } },
      { finalizers: [FINALIZER] },
    ];
    const plain = strictServer({}) as Manifest;
    const marked = (mark: object): object => ({ ...plain, metadata: { name: "marked", ...mark } });
    const args = ["create", `--namespace=${STRICT}`, "-f=-", ...flagsOf(nobody)];
    await world.cluster.kubectl(args, { stdin: JSON.stringify(marked({})) });
    for (const mark of marks) {
      const other = { ...(marked(mark) as Manifest), metadata: { name: "marked-2", ...mark } };
      await create(other, STRICT, alice);
      const sentence = "Alice may not mark a server as created by 0.24";
      await expect(create(other, STRICT, nobody)).rejects.toThrow(sentence);
      const changed = patch(world.cluster, "marked", { metadata: mark }, { namespace: STRICT, as: nobody });
      await expect(changed).rejects.toThrow(sentence);
    }
    await remove(world.cluster, "marked", { namespace: STRICT, as: nobody });
  });

  it.each([
    ["the annotation amalthea.dev/carried-values", { annotations: { "amalthea.dev/carried-values": "x" } }],
    ["the annotation amalthea.dev/legacy-patches", { annotations: { "amalthea.dev/legacy-patches": "x" } }],
    ["0.24's finalizer, for which the controller writes the annotation", { finalizers: [FINALIZER] }],
  ])(
    "let only those who may set patches write %s, by which patches give way to values of others",
    async (_what, mark) => {
      const object = { ...(strictServer({}) as Manifest), metadata: { name: "marked", ...mark } };
      await create(object, STRICT, alice);
      const sentence = "portal may not mark a server as one whose patches yield";
      await expect(create(object, STRICT, portal)).rejects.toThrow(sentence);
    },
  );

  it("say how to restore a server of 0.24 without their rights, and let anybody apply it where it still is", async () => {
    const metadata = { name: "kept", annotations: { "amalthea.dev/taken-over-at": "2026-01-01T00:00:00Z" } };
    const kept = { ...(strictServer({}) as Manifest), metadata };
    await expect(create(kept, STRICT, nobody)).rejects.toThrow(
      "to restore one from a backup without being among these, leave out amalthea.dev/taken-over-at and the finalizer",
    );
    await create({ ...kept, metadata: { name: "kept" } }, STRICT, nobody);
    const apply = (as: Someone): Promise<unknown> =>
      world.cluster.kubectl(["apply", `--namespace=${STRICT}`, "-f=-", ...flagsOf(as)], {
        stdin: JSON.stringify(kept),
      });
    await apply(alice);
    await apply(nobody);
    await remove(world.cluster, "kept", { namespace: STRICT, as: nobody });
  });

  it("let those set patches whom the chart names, and nobody else", async () => {
    await create(strictServer({ patches }), STRICT, developers);
    await expect(create(strictServer({ patches }), STRICT, portal)).rejects.toThrow(
      "spec.patches: system:serviceaccount:portal:portal may not set or change them (admissionPolicies.patchEditors)",
    );
  });

  const FIELDS: readonly (readonly [string, object])[] = [
    ["jupyterServer.automountServiceAccountToken", { automountServiceAccountToken: true }],
    ["jupyterServer.extraPorts", { extraPorts: [{ name: "open", containerPort: 9999 }] }],
    ["jupyterServer.podAnnotations", { podAnnotations: { a: "b" } }],
    ["jupyterServer.podLabels", { podLabels: { a: "b" } }],
    ["jupyterServer.runtimeClassName", { runtimeClassName: "kata" }],
    [
      "jupyterServer.extraVolumes",
      { extraVolumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }] },
    ],
    ["jupyterServer.extraVolumes", { extraVolumes: many(65, (i) => ({ name: `v${i}`, emptyDir: {} })) }],
  ];
  const volumes: readonly (readonly [string, object])[] = [
    ["storage.pvc.selector", { selector: { matchLabels: { a: "b" } } }],
    ["storage.pvc.volumeName", { volumeName: "data" }],
  ];

  it.each([
    ...FIELDS.map(([field, more]) => ({ field, spec: { jupyterServer: { image: "jupyter/lab:1", ...more } } })),
    ...volumes.map(([field, more]) => ({ field, spec: { storage: { pvc: { enabled: true, ...more } } } })),
  ])("let only those use $field who may set patches, for it does the same", async ({ field, spec }) => {
    await create(strictServer(spec), STRICT, developers);
    await expect(create(strictServer(spec), STRICT, nobody)).rejects.toThrow(new RegExp(`spec.${field}: Alice may`));
  });

  it("let everybody say no to such a field, and have volumes of their own", async () => {
    const no = { automountServiceAccountToken: false, extraPorts: [], podLabels: {} };
    const extraVolumes = [
      { name: "v", emptyDir: {} },
      { name: "w", projected: { sources: [{ configMap: { name: "c" } }] } },
    ];
    await create(strictServer({ jupyterServer: { image: "jupyter/lab:1", ...no, extraVolumes } }), STRICT, nobody);
  });

  it("let everybody change the rest of a server that has a token and patches", async () => {
    const object = strictServer({ auth: { token: "t" }, patches });
    const apply = (manifest: object, as: Someone): Promise<unknown> =>
      world.cluster.kubectl(["apply", `--namespace=${STRICT}`, "-f=-", ...flagsOf(as)], {
        stdin: JSON.stringify(manifest),
      });
    await apply(object, alice);
    const hibernated = { ...(object as Manifest), metadata: { name: "alice", labels: { team: "a" } } };
    const spec = { ...hibernated.spec, jupyterServer: { image: "jupyter/lab:1", hibernated: true } };
    await apply({ ...hibernated, spec }, nobody);
    for (const change of [{ auth: { token: "u" } }, { auth: { token: null } }, { patches: [] }, { patches: null }]) {
      const changed = patch(world.cluster, "alice", { spec: change }, { namespace: STRICT, as: nobody });
      await expect(changed).rejects.toThrow(/spec.(auth|patches): Alice may/);
    }
    await remove(world.cluster, "alice", { namespace: STRICT, as: nobody });
  });
});

function flagsOf({ user, groups }: Someone): readonly string[] {
  return [`--as=${user}`, ...groups.map((group) => `--as-group=${group}`)];
}

describe("objects that violate the policies and were there before", () => {
  const names = [...broken.map(({ metadata }) => metadata.name), "violating"];
  let operator: Operator;

  beforeAll(async () => {
    operator = await startOperator(world);
    await operator.leading;
  });

  afterAll(() => operator?.stop());

  it("are reconciled by the controller: it writes their status, and 0.24's finalizer goes", async () => {
    const user = new User(world.admin, STRICT);
    for (const name of names) {
      const found = await user.until(name, ({ status }) => Array.isArray(status?.conditions));
      expect(conditionOf(found, "Ready"), name).toBeDefined();
      expect(found.metadata.finalizers, name).toBeUndefined();
    }
    expect(operator.complaints.filter((line) => line.includes("ValidatingAdmissionPolicy"))).toEqual([]);
  });

  it("can be changed in every respect but those that violate, and not there", async () => {
    const change = (name: string, body: object): Promise<unknown> =>
      patch(world.cluster, name, body, { namespace: STRICT, as: someone("bob") });
    await change("violating", { metadata: { labels: { team: "a" }, finalizers: ["example.org/mine"] } });
    await change("violating", { metadata: { finalizers: null } });
    await change("violating", { spec: { jupyterServer: { hibernated: true, defaultUrl: "/tree" } } });
    await change("violating", { spec: { routing: { tls: { enabled: true } } } });
    await expect(change("violating", { spec: { routing: { path: "/other" } } })).rejects.toThrow(
      "not among the allowed routes",
    );
    await expect(change("violating", { spec: { auth: { token: "u" } } })).rejects.toThrow("bob may not");
    for (const name of broken.map(({ metadata }) => metadata.name))
      await change(name, { metadata: { labels: { a: "b" } } });
  });

  it("go when they are deleted", async () => {
    await world.cluster.kubectl([
      "delete",
      "jupyterservers",
      "--all",
      `--namespace=${STRICT}`,
      "--timeout=90s",
      ...flagsOf(someone("bob")),
    ]);
  });
});
