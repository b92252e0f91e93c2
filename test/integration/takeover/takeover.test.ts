import { jupyterServerCrd } from "@amalthea/api";
import { type Kind, defineKind, kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { type Fixture, FIXTURES, loadFixture, legacyCrd } from "../../e2e/legacy-controller.ts";
import { broken, withoutSpec, withOddStatus } from "../api/old-objects.ts";
import { aServer, create, installCrd } from "../api/resource.ts";
import { type Operator, startOperator } from "../controller/operator.ts";
import { conditionOf, eventually, User } from "../controller/servers.ts";
import { encoded, imageSecret, resumeAsClient, session, variables } from "./client-session.ts";
import { type Call, controllerWrites, startWorld, type World } from "../controller/world.ts";

const FINALIZER = "kopf.zalando.org/KopfFinalizerMarker";

/** Fixtures with a pod. */
const WITH_POD: readonly Fixture[] = FIXTURES.filter((name) => !["asleep", "no-host"].includes(name));

let world: World;

beforeAll(async () => {
  const kind = ["extraChildResources[0].name=poddisruptionbudgets", "extraChildResources[0].group=policy"];
  world = await startWorld(["scope.clusterWide=true", ...kind]);
});

afterAll(() => world?.stop());

async function load(fixture: Fixture, namespace: string): Promise<User> {
  await world.makeNamespace(namespace);
  await loadFixture(fixture, { client: world.admin, namespace, hasStatusSubresource: true });
  return new User(world.admin, namespace);
}

async function withOperator(
  work: (operator: Operator) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const operator = await startOperator(world, { environment });
  try {
    await operator.leading;
    await work(operator);
  } finally {
    await operator.stop();
  }
}

/** Waits until nothing is worked on. That checks of limits are due later (`idle`) does not matter here. */
async function atRest(operator: Operator): Promise<void> {
  await eventually(async () => {
    for (const part of ["depth", "processing"]) expect(await operator.metric(`amalthea_queue_${part}`)).toBe(0);
  });
}

describe("objects that 0.24 accepted and that the CRD's validation rejects", () => {
  const stored = [...broken, withoutSpec, withOddStatus];

  beforeAll(async () => {
    await installCrd(world.cluster, legacyCrd());
    await world.makeNamespace("old-objects");
    const items = stored.map(({ metadata, ...rest }) => ({
      ...rest,
      apiVersion: SERVER_KIND.apiVersion,
      kind: SERVER_KIND.kind,
      metadata: { ...metadata, namespace: "old-objects", finalizers: [FINALIZER] },
    }));
    await world.cluster.kubectl(["create", "-f=-"], {
      stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    });
    await installCrd(world.cluster, jupyterServerCrd);
  });

  it("all lose 0.24's finalizer, report their state, and disturb no other server", async () => {
    const user = new User(world.admin, "old-objects");
    await withOperator(async (operator) => {
      for (const { metadata } of stored) {
        const server = await user.until(metadata.name, ({ status }) => Array.isArray(status?.conditions));
        expect(server.metadata.finalizers, metadata.name).toBeUndefined();
        expect(conditionOf(server, "Ready"), metadata.name).toBeDefined();
      }
      // That the API server refuses their children is not what this is about: each says so in its status.
      expect(operator.complaints.filter((line) => line.startsWith("reconcile failed"))).toEqual([]);
    });
  });

  it("go when they are deleted", async () => {
    await world.cluster.kubectl(["delete", "jupyterservers", "--all", "--namespace=old-objects", "--timeout=90s"]);
  });
});

describe("a server whose creation never ended", () => {
  const PDB: Kind = defineKind({
    ...{ apiVersion: "policy/v1", kind: "PodDisruptionBudget" },
    plural: "poddisruptionbudgets",
  });

  it("says what the API server has against the child that is missing, and gets it once it is right", async () => {
    const user = await load("half-created", "half-created");
    await user.makePodReady("half-created");
    await withOperator(async () => {
      const server = await user.until("half-created", (seen) => conditionOf(seen, "Stalled") !== undefined);
      expect(JSON.stringify(server.status?.conditions)).toContain("none at all");
      expect(server.status?.state).toBe("running");
      const spec = { maxUnavailable: 1 };
      const metadata = { name: "half-created" };
      const budget = { apiVersion: PDB.apiVersion, kind: PDB.kind, metadata, spec };
      const patch = { "pod-disruption-budget": budget };
      await user.patchServer("half-created", { spec: { patches: [{ type: "application/merge-patch+json", patch }] } });
      await user.until("half-created", (seen) => conditionOf(seen, "Stalled") === undefined);
      expect(await user.find(PDB, "half-created")).toBeDefined();
    });
  });
});

describe("the annotations of 0.24", () => {
  const ANNOTATION = "kopf.zalando.org/last-handled-configuration";

  it("stay while the setting says so, without its finalizer, and go when it does not any more", async () => {
    const user = await load("asleep", "way-back");
    const isTakenOver = async (): Promise<void> => {
      await user.until("asleep", ({ status }) => status?.conditions !== undefined);
    };
    await withOperator(isTakenOver, { KEEP_PREDECESSOR_ANNOTATIONS: "true" });
    const { finalizers, annotations } = (await user.server("asleep")).metadata;
    expect(finalizers).toBeUndefined();
    expect(annotations).toHaveProperty([ANNOTATION]);
    await withOperator(async () => {
      await user.until("asleep", ({ metadata }) => metadata.annotations?.[ANNOTATION] === undefined);
    });
  });
});

describe("a server in the legacy layout whose new layout the API server refuses", () => {
  const OLD: readonly Kind[] = [kinds.StatefulSet, kinds.Service, kinds.Ingress, kinds.ConfigMap];
  const impossible = {
    op: "add",
    path: "/statefulset/spec/template/spec/containers/0/ports/-",
    value: { containerPort: 99_999 },
  };
  const patches = [{ type: "application/json-patch+json", patch: [impossible] }];

  const uids = async (user: User, name: string): Promise<readonly string[]> =>
    Promise.all(OLD.map(async (kind) => (await user.get(kind, name)).metadata.uid));

  it.each([
    {
      step: "resumed",
      fixture: "asleep",
      ask: { spec: { patches, jupyterServer: { hibernated: false } } },
    },
    {
      step: "restarted",
      fixture: "token-volume",
      ask: { metadata: { annotations: { "amalthea.dev/restartedAt": "now" } }, spec: { patches } },
    },
  ] as const)("keeps all that it has when it is $step, says why, and migrates once it can", async (given) => {
    const { fixture, ask } = given;
    const user = await load(fixture, `refused-${given.step}`);
    if (fixture === "token-volume") await user.makePodReady(fixture);
    await withOperator(async () => {
      await user.until(fixture, ({ status }) => status?.conditions !== undefined);
      const before = await uids(user, fixture);
      await user.patchServer(fixture, ask);
      const server = await user.until(fixture, (seen) => conditionOf(seen, "Stalled") !== undefined);
      expect(JSON.stringify(server.status?.conditions)).toContain("99999");
      // A change of the spec is a reason to try once more.
      await user.patchServer(fixture, { spec: { culling: { idleSecondsThreshold: 1_000_000 } } });
      const { metadata } = await user.server(fixture);
      await user.until(fixture, ({ status }) => status?.observedGeneration === metadata.generation);
      expect(await uids(user, fixture)).toEqual(before);
      await user.patchServer(fixture, { spec: { patches: [] } });
      await eventually(async () => {
        const after = await uids(user, fixture);
        expect(after.filter((uid) => before.includes(uid))).toEqual([]);
      });
    });
  });
});

describe("a server that the legacy controller still manages", () => {
  it("is left to it, whatever it writes there, and the status says so", async () => {
    const user = await load("token-volume", "overlap");
    const other = await load("asleep", "overlap-other");
    await user.makePodReady("token-volume");
    await withOperator(async (operator) => {
      await user.until("token-volume", ({ metadata }) => metadata.finalizers === undefined);
      await user.patchServer("token-volume", { metadata: { finalizers: [FINALIZER] } });
      await user.until("token-volume", (seen) => conditionOf(seen, "Stalled")?.reason === "PredecessorRunning");
      await atRest(operator); // a write is visible a moment before the API server counts it
      const writes = (): number => controllerWrites(world).filter(({ namespace }) => namespace === "overlap").length;
      const before = writes();
      const theirs = { state: "failed", startingSince: "2026-01-01T00:00:00+00:00", mainPod: null };
      await world.admin.patch(
        SERVER_KIND,
        { namespace: "overlap", name: "token-volume" },
        { kind: "Merge", body: { status: theirs } },
        { subresource: "status", fieldManager: "kopf" },
        new AbortController().signal,
      );
      await user.remove(kinds.Service, "token-volume");
      // A later change elsewhere shows that those were looked at.
      await other.patchServer("asleep", { spec: { jupyterServer: { hibernated: false } } });
      await eventually(async () => expect((await other.get(kinds.Service, "asleep")).spec?.clusterIP).not.toBe("None"));
      expect(writes()).toBe(before);
      expect((await user.server("token-volume")).status).toMatchObject({ state: "failed" });
      expect((await user.server("token-volume")).metadata.finalizers).toEqual([FINALIZER]);
    });
  });
});

describe("a client of 0.24 that writes fresh credentials to the children before it resumes a server", () => {
  const never = new AbortController().signal;

  beforeAll(async () => {
    const priority = defineKind({
      ...{ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", plural: "priorityclasses" },
      namespaced: false,
    });
    const metadata = { name: "sessions" };
    const { apiVersion, kind } = priority;
    await world.admin.create(priority, { apiVersion, kind, metadata, value: 1 } as never, {}, never);
  });

  it("finds them in the StatefulSet and in the Secret, and in the status that they stay until the patch changes", async () => {
    const { metadata, spec, ...head } = session();
    const { name } = metadata;
    const secret = imageSecret(name);
    const user = new User(world.admin, await world.makeNamespace("x"));
    const body = { ...head, metadata: { ...metadata, namespace: user.namespace } };
    await withOperator(async () => {
      const patches = [...spec.patches, secret.patch];
      await world.admin.create(SERVER_KIND, { ...body, spec: { ...spec, patches } } as never, {}, never);
      await user.makePodReady(name);
      await user.hibernate(name);
      const env = [{ name: "GIT_PROXY_CLIENT_ACCESS_TOKEN", value: "access-2" }];
      const initEnv = [{ name: "GIT_CLONE_USER__CLIENT_TOKEN", value: "access-2" }];
      await resumeAsClient(
        world.admin,
        { namespace: user.namespace, name },
        {
          containers: [{ name: "git-proxy", env }],
          initContainers: [{ name: "git-clone", env: initEnv }],
        },
      );
      const pod = await user.makePodReady(name);
      expect(pod.spec?.priorityClassName).toBe("sessions");
      await user.until(name, (seen) => seen.status?.state === "running");
      const statefulSet = await user.get(kinds.StatefulSet, name);
      expect(variables(statefulSet, "git-proxy")).toMatchObject({
        GIT_PROXY_CLIENT_ACCESS_TOKEN: "access-2",
        GIT_PROXY_CLIENT_REFRESH_TOKEN: "refresh-1",
      });
      expect(variables(statefulSet, "git-clone")).toMatchObject({ GIT_CLONE_USER__CLIENT_TOKEN: "access-2" });
      expect((await user.get(kinds.Secret, secret.metadata.name)).data).toEqual({ token: encoded("fresh") });
      await user.until(name, ({ status }) => JSON.stringify(status?.conditions).includes("containers[git-proxy].env"));

      const text = JSON.stringify(patches)
        .replaceAll("access-1", "access-3")
        .replaceAll(encoded("stale"), encoded("new"));
      await user.patchServer(name, { spec: { patches: JSON.parse(text) as unknown } });
      await eventually(async () => {
        const changed = variables(await user.get(kinds.StatefulSet, name), "git-proxy");
        expect(changed).toMatchObject({ GIT_PROXY_CLIENT_ACCESS_TOKEN: "access-3" });
      });
    });
  });

  it("finds them in the new layout of a server that 0.24 hibernated", async () => {
    const name = "oidc-patched";
    const user = await load(name, "client-legacy");
    const { spec, metadata } = await user.server(name);
    const secret = imageSecret(name);
    await user.patchServer(name, {
      spec: { patches: [...spec.patches, secret.patch], jupyterServer: { hibernated: true } },
    });
    const { ownerReferences, labels } = (await user.get(kinds.Secret, name)).metadata;
    const childLabels = { ...labels, "amalthea.dev/child-key": "image_pull_secret" };
    await world.admin.create(
      kinds.Secret,
      {
        ...{ apiVersion: "v1", kind: "Secret", data: { token: encoded("stale") } },
        metadata: { ...secret.metadata, namespace: user.namespace, ownerReferences, labels: childLabels } as never,
      },
      { fieldManager: "OpenAPI-Generator" },
      never,
    );
    await user.patch(kinds.StatefulSet, name, { spec: { replicas: 0 } });
    expect(metadata.finalizers).toEqual([FINALIZER]);
    await withOperator(async () => {
      await user.until(name, ({ status }) => status?.conditions !== undefined);
      const initContainers = [{ name: "prepare", env: [{ name: "TOKEN", value: "fresh" }] }];
      await resumeAsClient(world.admin, { namespace: user.namespace, name }, { initContainers });
      await user.makePodReady(name);
      await user.until(name, (seen) => seen.status?.state === "running");
      const statefulSet = await user.get(kinds.StatefulSet, name);
      expect(statefulSet.metadata.annotations).toHaveProperty(["amalthea.dev/desired-hash"]);
      expect(variables(statefulSet, "prepare")).toEqual({ TOKEN: "fresh" });
      expect(statefulSet.spec?.template.spec?.priorityClassName).toBe("sessions");
      expect((await user.get(kinds.Secret, secret.metadata.name)).data).toEqual({ token: encoded("fresh") });
      await user.until(name, ({ metadata }) => metadata.annotations?.["amalthea.dev/carried-values"] === undefined);
    });
  });
});

describe("the takeover of many servers at once", () => {
  const NAMESPACES = Array.from({ length: 6 }, (_, index) => `many-${index}`);
  /** Writes to a server: marks, network policy, status. */
  const TAKING_OVER = 3;
  /** And the replicas of one whose pod ran although its spec said hibernated; its status once more when the pod is gone. */
  const HIBERNATING = 5;

  const writes = (): readonly Call[] =>
    controllerWrites(world).filter(({ namespace }) => NAMESPACES.includes(namespace));

  it("costs at most three writes each, and none when the controller starts again", { timeout: 300_000 }, async () => {
    const witness = await load("asleep", "many-witness");
    const withoutHost = aServer({ routing: {} });
    await installCrd(world.cluster, legacyCrd());
    await eventually(async () => await create(world.cluster, withoutHost));
    const users = await Promise.all(NAMESPACES.map(loadAll));
    await installCrd(world.cluster, jupyterServerCrd);
    await eventually(async () => await expect(create(world.cluster, withoutHost)).rejects.toThrow("routing.host"));
    await withOperator(async (operator) => {
      for (const user of users) await takenOver(user);
      await allReconciled(operator, witness);
    });
    const all = writes();
    for (const [server, its] of Map.groupBy(all, ({ namespace, name }) => `${namespace}/${name}`)) {
      const what = its.map(({ verb, resource, subresource }) => `${verb} ${resource}/${subresource}`).join(", ");
      expect(its.length, `${server}: ${what}`).toBeLessThanOrEqual(
        server.endsWith("/hibernated") ? HIBERNATING : TAKING_OVER,
      );
    }
    await withOperator(async (operator) => await allReconciled(operator, witness));
    expect(writes().slice(all.length)).toEqual([]);
  });

  async function loadAll(namespace: string): Promise<User> {
    const user = new User(world.admin, await world.makeNamespace(namespace));
    for (const fixture of FIXTURES) await loadFixture(fixture, { client: world.admin, namespace });
    for (const name of WITH_POD) await user.makePodReady(name);
    for (const name of WITH_POD) await user.untilReadyReplica(name);
    return user;
  }

  async function takenOver(user: User): Promise<void> {
    for (const name of FIXTURES.filter((fixture) => fixture !== "terminating")) {
      await user.until(name, ({ metadata, status }) => {
        const isAtRest = !["starting", "stopping"].includes(status?.state ?? "starting");
        return isAtRest && status?.observedGeneration === metadata.generation;
      });
    }
    await user.until("hibernated", ({ status }) => status?.state === "hibernated");
    await eventually(async () => expect(await user.find(SERVER_KIND, "terminating")).toBeUndefined());
  }

  /**
   * Waits until every server has had its turn: those that are there at the start come before a later change of the
   * witness.
   */
  async function allReconciled(operator: Operator, witness: User): Promise<void> {
    const { generation } = (await witness.server("asleep")).metadata;
    await witness.patchServer("asleep", { spec: { culling: { idleSecondsThreshold: 1_000_000 + generation } } });
    await witness.until("asleep", ({ status }) => (status?.observedGeneration ?? 0) > generation);
    await atRest(operator);
  }
});
