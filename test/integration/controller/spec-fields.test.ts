import { readFileSync } from "node:fs";
import { kinds } from "@amalthea/kube";
import type { JupyterServer } from "@amalthea/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type Operator, startOperator } from "./operator.ts";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { conditionOf, eventually, User } from "./servers.ts";
import { controllerWrites, startWorld, type World } from "./world.ts";

let world: World;
let operator: Operator;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"]);
  operator = await startOperator(world);
  await operator.leading;
  const runtimeClass = {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "sandboxed" },
    handler: "runc",
  };
  await world.cluster.kubectl(["create", "-f=-"], { stdin: JSON.stringify(runtimeClass) });
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
});

/** A user in a namespace that takes pods of the level `restricted` only. */
async function aUser(namespace: string): Promise<User> {
  const user = new User(world.admin, await world.makeNamespace(namespace));
  await world.cluster
    .kubectl(["create", "serviceaccount", "default", `--namespace=${namespace}`])
    .catch(() => undefined);
  await world.cluster.kubectl(["label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"]);
  return user;
}

/** The spec of a golden case. */
function specOf(name: string): JupyterServer["spec"] {
  const path = new URL(`../../../controller/cases/${name}/server.yaml`, import.meta.url);
  return (parse(readFileSync(path, "utf8")) as Pick<JupyterServer, "spec">).spec;
}

describe("a server with fields in Kubernetes' own names", () => {
  it.each(["every-kubernetes-field", "oidc-kubernetes-fields"])("gets all its children and a pod: %s", async (name) => {
    const user = await aUser(name);
    const spec = specOf(name);
    await user.create("alice", { ...spec, routing: { ...spec.routing, path: `/${name}` } });
    const pod = await user.makePodReady("alice");
    const { jupyterServer } = spec;
    const container = pod.spec?.containers.find((candidate) => candidate.name === "jupyter-server");
    const { podLabels = {}, extraPorts = [], securityContext = {} } = jupyterServer;
    expect(pod.metadata.labels).toMatchObject(podLabels);
    expect(pod.spec?.runtimeClassName).toBe(jupyterServer.runtimeClassName);
    expect(pod.spec?.terminationGracePeriodSeconds).toBe(jupyterServer.terminationGracePeriodSeconds ?? 30);
    for (const port of extraPorts) expect(container?.ports).toContainEqual({ protocol: "TCP", ...port });
    expect(container?.envFrom).toEqual(jupyterServer.envFrom);
    expect(container?.securityContext?.runAsUser).toBe(securityContext.runAsUser);
    expect(pod.spec?.securityContext?.fsGroup).toBe(securityContext.fsGroup);
    const server = await user.until("alice", ({ status }) => status?.state === "running");
    expect(conditionOf(server, "Stalled")?.status).not.toBe("True");
    const { spec: service } = await user.get(kinds.Service, "alice");
    expect(service?.ports?.map(({ port }) => port)).toEqual([80, ...extraPorts.map((port) => port.containerPort)]);
    await user.remove(SERVER_KIND, "alice"); // as long as it runs, its Secret is read at intervals
  });
});

describe("defaults for all servers that change with a restart of the controller", () => {
  it("leave every running pod alone, whatever its policy, and reach it at its next start", async () => {
    const user = await aUser("defaults");
    for (const [name, updatePolicy] of [
      ["waits", "OnNextStart"],
      ["restarts", "Restart"],
    ] as const) {
      await user.create(name, { updatePolicy });
      await user.makePodReady(name);
      await user.until(name, ({ status }) => status?.state === "running");
    }
    const before = await user.get(kinds.Pod, "restarts-0");
    await operator.stop();
    const writes = controllerWrites(world).length;
    const toleration = { key: "dedicated", operator: "Exists" };
    const SERVER_DEFAULTS = JSON.stringify({
      jupyterServer: { tolerations: [toleration], podLabels: { team: "physics" } },
    });
    operator = await startOperator(world, { environment: { SERVER_DEFAULTS } });
    for (const name of ["waits", "restarts"]) {
      const server = await user.until(name, (now) => conditionOf(now, "UpdatePending")?.status === "True");
      expect(JSON.stringify(server.status?.conditions)).toContain("serverDefaults");
    }
    await operator.idle();
    expect((await user.get(kinds.Pod, "restarts-0")).metadata.uid).toBe(before.metadata.uid);
    const later = controllerWrites(world)
      .slice(writes)
      .filter(({ namespace }) => namespace === "defaults");
    expect(new Set(later.map(({ resource, subresource }) => `${resource}/${subresource}`))).toEqual(
      new Set(["statefulsets/", "jupyterservers/status"]),
    );
    await user.hibernate("waits");
    await user.patchServer("waits", { spec: { jupyterServer: { hibernated: false } } });
    const pod = await user.makePodReady("waits");
    expect(pod.spec?.tolerations).toContainEqual(toleration);
    expect(pod.metadata.labels).toMatchObject({ team: "physics" });
    const server = await user.until("waits", (now) => conditionOf(now, "UpdatePending") === undefined);
    expect(server.spec.jupyterServer.tolerations).toBeUndefined();
  });
});

/** An object as a backup gives it back: what Kubernetes wrote into it is gone. */
function restored({ apiVersion, kind, metadata: { name, labels, annotations }, ...rest }: Backup): object {
  const { status: _status, ...content } = rest;
  return { apiVersion, kind, metadata: { name, labels, annotations }, ...content };
}

type Backup = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: object | undefined;
    readonly annotations?: object | undefined;
  };
  readonly status?: unknown;
};

describe("a server that is restored from a backup, with its claim", () => {
  it("starts no pod beside the claim, and takes it as it is once its spec names it", async () => {
    const user = await aUser("backup");
    await user.create("alice");
    await user.makePodReady("alice");
    await user.until("alice", ({ status }) => status?.state === "running");
    const backup = [await user.get(kinds.PersistentVolumeClaim, "alice"), await user.server("alice")];
    await user.remove(SERVER_KIND, "alice");
    await eventually(async () => {
      if ((await user.childrenOf("alice")).length > 0) throw new Error("something is left");
    });
    for (const object of backup) {
      await world.cluster.kubectl(["create", "--namespace=backup", "-f=-"], {
        stdin: JSON.stringify(restored(object)),
      });
    }
    const { metadata: claim } = await user.get(kinds.PersistentVolumeClaim, "alice");
    const waiting = await user.until("alice", (server) => conditionOf(server, "Stalled")?.status === "True");
    expect(JSON.stringify(waiting.status?.conditions)).toContain("alice");
    expect(await user.find(kinds.Pod, "alice-0")).toBeUndefined();
    await user.patchServer("alice", { spec: { storage: { pvc: { existingClaim: "alice" } } } });
    const pod = await user.makePodReady("alice");
    expect(pod.spec?.volumes).toContainEqual({ name: "workspace", persistentVolumeClaim: { claimName: "alice" } });
    await user.until("alice", ({ status }) => status?.state === "running");
    expect((await user.get(kinds.PersistentVolumeClaim, "alice")).metadata.uid).toBe(claim.uid);
    await user.remove(SERVER_KIND, "alice");
    await eventually(async () => {
      if ((await user.find(kinds.StatefulSet, "alice")) !== undefined) throw new Error("the StatefulSet is left");
    });
    expect((await user.get(kinds.PersistentVolumeClaim, "alice")).metadata.deletionTimestamp).toBeUndefined();
  });
});

describe("a credential that is rotated in the Secret that a server names", () => {
  const secretRef = { name: "mine", key: "token" };

  beforeAll(async () => {
    await operator.stop();
    operator = await startOperator(world, { environment: { TOKEN_CHECK_SECONDS: "1" } });
  });

  it.each([
    { what: "token", reason: "TokenChanged", spec: { auth: { tokenSecretRef: secretRef } } },
    {
      what: "client-secret",
      reason: "ClientSecretChanged",
      spec: {
        auth: {
          oidc: {
            ...{ enabled: true, issuerUrl: "https://login.example.org", clientId: "jupyter", allowAnyUser: true },
            clientSecret: { secretKeyRef: secretRef },
          },
        },
        routing: { host: "hub.example.org", path: "/rotation/alice", tls: { enabled: true } },
      },
    },
  ])(
    "is told of a $what while the pod takes the former one, changes nothing, and is over once the container starts again",
    async ({ what, reason, spec }) => {
      const user = await aUser(`rotation-${what}`);
      await user.make(kinds.Secret, "mine", { stringData: { token: "the-first-token" } });
      await user.create("alice", { updatePolicy: "Restart", ...spec });
      const pod = await user.makePodReady("alice");
      await user.until("alice", ({ status }) => status?.state === "running");
      const before = await user.get(kinds.StatefulSet, "alice");
      await user.patch(kinds.Secret, "mine", { stringData: { token: "the-second-token" } });
      const told = await user.until("alice", (now) => conditionOf(now, "UpdatePending")?.reason === reason);
      expect(JSON.stringify(told.status?.conditions)).toContain("Secret mine");
      expect(JSON.stringify(told)).not.toMatch(/the-(first|second)-token/);
      expect((await user.get(kinds.Pod, "alice-0")).metadata.uid).toBe(pod.metadata.uid);
      expect((await user.get(kinds.StatefulSet, "alice")).metadata.generation).toBe(before.metadata.generation);
      await user.makePodReady("alice"); // as after a crash: its container started just now
      await user.until("alice", (now) => conditionOf(now, "UpdatePending") === undefined);
    },
  );
});
