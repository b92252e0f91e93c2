import type { JupyterServer } from "@amalthea/api";
import {
  type Clock,
  createClient,
  type Kind,
  type KubeClient,
  kinds,
  readKubeConfig,
  systemClock,
} from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Operator, startOperator } from "../controller/operator.ts";
import { SERVER_KIND as SERVERS } from "../../../controller/src/kinds.ts";
import { childKinds, conditionOf, eventually, User } from "../controller/servers.ts";
import { startWorld, type World } from "../controller/world.ts";
import { attacksOn, configMap, ingressFor, json, pathsTo, POD, toMallory, type Victim } from "./attacks.ts";

const forever = new AbortController().signal;

/** Three minutes later, so that what is due two minutes after the creation of an Ingress is due at once. */
const ahead: Clock = { ...systemClock, now: () => new Date(Date.now() + 180_000) };
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
  world = await startWorld(["scope.clusterWide=true", "policy.serviceAccounts[0]=lab-*"], {
    users: [{ name: "mallory", token: MALLORY_TOKEN }],
  });
  for (const name of ["one", "two"]) await world.makeNamespace(name);
  await world.cluster.kubectl(["apply", "--server-side", "-f=-"], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: MALLORYS_RIGHTS }),
  });
  alice = new User(world.admin, "one");
  const config = await readKubeConfig(world.cluster.kubeconfigFor(MALLORY_TOKEN));
  mallorysClient = createClient({ config, userAgent: "mallory/1" });
  mallory = new User(mallorysClient, "two");
  operator = await startOperator(world, { clock: ahead });
  await operator.leading;
  await alice.create("alice");
  await alice.makePodReady("alice");
  await alice.until("alice", ({ status }) => status?.state === "running");
  await alice.untilReadyReplica("alice");
  await operator.idle();
});

afterAll(async () => {
  await operator?.stop();
  await mallorysClient?.close();
  await world?.stop();
});

/** The server of the other namespace and all that belongs to it. */
async function worldOfAlice(): Promise<unknown> {
  const watched: readonly Kind[] = [...childKinds, kinds.Pod];
  const objects = await Promise.all(
    watched.map(async (kind) => {
      const names = kind.kind === "Pod" ? "alice-0" : "alice";
      return await world.admin.find(kind, { namespace: "one", name: names }, forever);
    }),
  );
  return { server: await alice.server("alice"), objects };
}

const VICTIM: Victim = { host: "hub.example.org", path: "/one/alice", namespace: "one", name: "alice" };
const { host } = VICTIM;

describe("somebody who may write servers in one namespace only", () => {
  it.each(attacksOn(VICTIM))("gets neither $what, nor at a server of another namespace", async ({ reason, spec }) => {
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

  it("cannot reserve Alice's route, nor keep her off a host, by thousands of rules or by asking first", async () => {
    const paths = Array.from({ length: 500 }, (_, at) => ({
      path: `/x/${at}`,
      pathType: "Prefix",
      backend: toMallory,
    }));
    const rules = ["*.example.org", undefined].map((one) => ({ host: one, http: { paths } }));
    await mallory.create("mallory-rules", {
      routing: { host, path: "/two/rules" },
      ...json("/more", ingressFor({ rules })),
    });
    const server = await new User(world.admin, "two").until(
      "mallory-rules",
      (seen) => conditionOf(seen, "Stalled") !== undefined,
    );
    expect(conditionOf(server, "Stalled")?.reason).toBe("InvalidChild");
    await mallory.create("mallory-first", { routing: { host, path: "/" } });
    await alice.create("alice-2");
    await alice.makePodReady("alice-2");
    await alice.until("alice-2", ({ status }) => status?.state === "running");
  });

  it("tells nothing about her by objects of another namespace that carry the uid of her server or pod", async () => {
    const uids = await Promise.all(
      [SERVERS, kinds.Pod as Kind].map(async (kind) => {
        const name = kind === SERVERS ? "alice" : "alice-0";
        return (await world.admin.get(kind, { namespace: "one", name }, forever)).metadata.uid;
      }),
    );
    const before = await worldOfAlice();
    const [server = "", pod = ""] = uids;
    const owner = { apiVersion: "amalthea.dev/v1alpha1", kind: "JupyterServer", name: "alice", uid: server };
    const labels = { "amalthea.dev/parent-uid": server, "amalthea.dev/child-key": "ingress" };
    const stranger = new User(world.admin, "two"); // with rights that no user of servers needs
    for (const [at, reason] of ["FailedScheduling", "FailedMount", "FailedCreatePodSandBox"].entries()) {
      await stranger.make(kinds.CoreEvent, `event-${at}`, {
        ...{ type: "Warning", reason, message: "mallory was here" },
        involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "two", name: "alice-0", uid: pod },
      });
    }
    const metadata = { namespace: "two", name: "forged", labels, ownerReferences: [{ ...owner, controller: true }] };
    const forged = [
      { ...ingressFor({ rules: [{ host, ...pathsTo("/one/alice") }] }), metadata },
      { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} },
      { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "x", image: "x" }] } },
    ];
    await world.cluster.kubectl(["create", "-f=-"], {
      stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: forged }),
    });
    await alice.patchServer("alice", { metadata: { annotations: { seen: "yes" } } }); // so that she is reconciled
    await operator.idle();
    await alice.patchServer("alice", { metadata: { annotations: { seen: null } } });
    await operator.idle();
    const statusOf = (seen: unknown): unknown => (seen as { readonly server: JupyterServer }).server.status;
    const after = await worldOfAlice();
    expect(statusOf(after)).toEqual(statusOf(before));
    expect(JSON.stringify(after)).not.toContain("mallory was here");
  });

  it("gets no pod that mounts a Secret of her own namespace by adding one of the same name", async () => {
    const admin = new User(world.admin, "two");
    await admin.make(kinds.Secret, "database", { data: { password: "c2VjcmV0" } });
    const template = {
      metadata: { labels: { app: "taker", role: "thief" } },
      spec: {
        containers: [{ name: "x", image: "x" }],
        volumes: [{ name: "v", secret: { secretName: "database" } }],
      },
    };
    const spec = { selector: { matchLabels: { app: "taker", role: "thief" } }, template };
    const add = (path: string, value: object): object => ({ op: "add", path, value });
    const patch = [
      add("/database", { apiVersion: "v1", kind: "Secret", metadata: { name: "database" }, data: {} }),
      add("/more", { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "thief" }, spec }),
    ];
    const patches = [{ type: "application/json-patch+json", patch }];
    await mallory.create("taker", { routing: { host, path: "/two/taker" }, patches });
    await admin.until("taker", (seen) => conditionOf(seen, "Stalled") !== undefined);
    for (const at of [1, 2]) {
      // A further object shows that everything was tried again.
      patch.push(add(`/notes-${at}`, configMap({ name: `notes-${at}` })));
      await mallory.patchServer("taker", { spec: { patches } });
      await eventually(() => admin.get(kinds.ConfigMap, `notes-${at}`));
      expect(await admin.find(kinds.StatefulSet, "thief")).toBeUndefined();
    }
    expect((await admin.get(kinds.Secret, "database")).data).toEqual({ password: "c2VjcmV0" });
    await mallory.remove(SERVERS, "taker");
    await eventually(async () => expect(await admin.childrenOf("taker")).toEqual([]));
  });

  const WAYS: readonly { readonly way: string; readonly spec: object; readonly waitsFor?: string }[] = [
    { way: "as its token", spec: { auth: { tokenSecretRef: { name: "alice", key: "jupyterServerAppToken" } } } },
    {
      way: "as a token of another namespace",
      spec: { auth: { tokenSecretRef: { name: "one/alice", key: "jupyterServerAppToken" } } },
    },
    { way: "as a volume", spec: { jupyterServer: { extraVolumes: [{ name: "v", secret: { secretName: "alice" } }] } } },
    {
      way: "as a variable",
      spec: {
        jupyterServer: {
          env: [
            {
              name: "T",
              valueFrom: { secretKeyRef: { name: "alice", key: "jupyterServerAppToken", namespace: "one" } },
            },
          ],
        },
      },
    },
    {
      way: "by a volume of another namespace",
      spec: json(`${POD}/volumes/-`, { name: "v", secret: { secretName: "alice", namespace: "one" } }),
    },
    {
      way: "by a copy",
      spec: {
        patches: [{ type: "application/json-patch+json", patch: [{ op: "copy", from: "/secret", path: "/stolen" }] }],
      },
    },
    {
      way: "by a Secret with her name",
      spec: json("/more", {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "alice", namespace: "one" },
        data: {},
      }),
    },
    {
      way: "by the certificate of her host",
      spec: { routing: { host: "x.example.org", path: "/x", tls: { enabled: true, secretName: "alice" } } },
      waitsFor: "TlsSecretMissing", // of her own namespace, and looked for again and again
    },
  ];

  it.each(WAYS)("finds Alice's token nowhere: $way", async ({ spec, waitsFor }) => {
    const before = await worldOfAlice();
    const secret = await world.admin.get(kinds.Secret, { namespace: "one", name: "alice" }, forever);
    const encoded = secret.data?.["jupyterServerAppToken"] ?? "";
    const token = Buffer.from(encoded, "base64").toString();
    expect(token.length).toBeGreaterThan(20);
    await mallory.create("thief", { routing: { host, path: "/two/thief" }, ...spec });
    const isTold = ({ reason }: { readonly reason: string }): boolean => waitsFor === undefined || reason === waitsFor;
    await new User(world.admin, "two").until("thief", ({ status }) => status?.conditions?.some(isTold) === true);
    if (waitsFor === undefined) await operator.idle();
    const { stdout } = await world.cluster.kubectl([
      "get",
      "all,secrets,configmaps,ingresses,jupyterservers",
      "--namespace=two",
      "-o=json",
    ]);
    expect(stdout).not.toContain(token);
    expect(stdout).not.toContain(encoded);
    expect(await worldOfAlice()).toEqual(before);
    await mallory.remove(SERVERS, "thief");
    await eventually(async () => expect(await new User(world.admin, "two").childrenOf("thief")).toEqual([]));
  });

  it("may read no Secret herself, and has not made the controller complain", async () => {
    for (const namespace of ["one", "two"]) {
      await expect(mallorysClient.get(kinds.Secret, { namespace, name: "alice" }, forever)).rejects.toThrow("403");
    }
    expect(
      operator.complaints.filter((line) => /reconcile failed|deciding failed|subscriber failed/.test(line)),
    ).toEqual([]);
  });
});
