import type { RequestListener } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { FIELD_MANAGERS, LABELS } from "@amalthea/api";
import { type Clock, isConflict, kinds, systemClock } from "@amalthea/kube";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { applyPlan } from "../../../controller/src/apply/apply-plan.ts";
import type { ApplyDeps } from "../../../controller/src/apply/perform-action.ts";
import type { Action } from "../../../controller/src/decide/decision.ts";
import { findKind, SERVER_KIND } from "../../../controller/src/kinds.ts";
import { forever } from "../kube/fixture.ts";
import { type Operator, startOperator } from "./operator.ts";
import { jupyterWithKernel, PodStandIn } from "./pod-stand-in.ts";
import { conditionOf, eventually, User } from "./servers.ts";
import { controllerWrites, metricsCalls, startWorld, type World } from "./world.ts";

let world: World;
let operator: Operator;
const pods: PodStandIn[] = [];

const IDLE_CPU = 100;
const CULLING = { unknownAfterSeconds: 1 };

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true", `culling.cpuUsageMillicoresIdleThreshold=${IDLE_CPU}`]);
  await startController();
});

afterEach(() => {
  for (const pod of pods.splice(0)) pod.stop();
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
});

async function startController(
  culling: object = CULLING,
  more: Readonly<Record<string, string>> = {},
  clock: Clock = systemClock,
): Promise<void> {
  operator = await startOperator(world, { environment: { CULLING: JSON.stringify(culling), ...more }, clock });
  await operator.leading;
}

async function aPod(answer: RequestListener): Promise<PodStandIn> {
  const pod = await PodStandIn.start(answer);
  pods.push(pod);
  return pod;
}

/** A server of a user of its own, whose pod is ready and is this program. */
async function aServer(namespace: string, culling: object, pod: PodStandIn): Promise<User> {
  const user = new User(world.admin, await world.makeNamespace(namespace));
  await user.create("alice", { culling });
  await makeReady(user, pod);
  await user.until("alice", ({ status }) => status?.state === "running" || status?.state === "hibernated");
  return user;
}

/** The kubelet's part. */
async function makeReady(user: User, { address }: PodStandIn): Promise<void> {
  await eventually(() => user.get(kinds.Pod, "alice-0"));
  const body = { status: { podIP: address, podIPs: [{ ip: address }] } };
  await world.admin.patch(
    kinds.Pod,
    { namespace: user.namespace, name: "alice-0" },
    { kind: "Merge", body },
    { subresource: "status" },
    forever,
  );
  await user.makePodReady("alice");
}

async function isHibernated(user: User): Promise<boolean> {
  return (await user.server("alice")).spec.jupyterServer.hibernated;
}

async function eventNotes(user: User, reason: string): Promise<readonly string[]> {
  const { items } = await world.admin.list(kinds.CoreEvent, { namespace: user.namespace }, forever);
  return items.filter((event) => event.reason === reason).map(({ message }) => message ?? "");
}

const longAgo = (): Date => new Date(Date.now() - 3_600_000);

describe("a server that is idle", () => {
  it("is hibernated by one write under a manager of its own, and its client, an Event and a metric tell of it", async () => {
    const user = await aServer("idle", { idleSecondsThreshold: 2 }, await aPod(jupyterWithKernel(longAgo)));
    const server = await user.until("alice", ({ status }) => status?.state === "hibernated");
    expect(server.spec.jupyterServer.hibernated).toBe(true);
    expect(server.metadata.annotations?.["renku.io/hibernationDate"]).toMatch(/^\d{4}-.*\+00:00$/);
    const live = await world.admin.get(SERVER_KIND, { namespace: "idle", name: "alice" }, forever);
    const culling = live.metadata.managedFields?.find(({ manager }) => manager === FIELD_MANAGERS.culling);
    expect(JSON.stringify(culling?.fieldsV1)).toContain("f:hibernated");
    await eventually(async () => expect((await user.get(kinds.StatefulSet, "alice")).spec?.replicas).toBe(0));
    await eventually(async () => expect(await eventNotes(user, "LimitReached")).toHaveLength(1));
    expect((await eventNotes(user, "LimitReached"))[0]).toContain("idleSecondsThreshold");
    expect(await operator.metric("amalthea_culls_total")).toBe(1);
    const asleep = await user.until("alice", (now) => conditionOf(now, "Reconciling") === undefined);
    const why = asleep.status?.conditions?.find(({ type }) => type === "Hibernated")?.message;
    expect(why).toContain("because its limit Idle was reached at");
    const writes = controllerWrites(world)
      .filter(({ namespace }) => namespace === "idle")
      .map(({ resource, subresource }) => `${resource} ${subresource}`);
    const ofLimit = writes.slice(writes.indexOf("jupyterservers "));
    const status = "jupyterservers status"; // once if the pod goes at once, and otherwise twice
    expect(ofLimit.filter((write) => write !== status)).toEqual(["jupyterservers ", "statefulsets "]);
    expect(ofLimit.length).toBeLessThanOrEqual(4);
  });

  it("is deleted once it was hibernated for too long", async () => {
    const user = new User(world.admin, "idle");
    await user.patchServer("alice", { spec: { culling: { hibernatedSecondsThreshold: 1 } } });
    await eventually(async () => expect(await user.find(SERVER_KIND, "alice")).toBeUndefined());
  });

  it("is asked with its token in a header, and in a way that is no activity", async () => {
    const pod = await aPod(jupyterWithKernel(longAgo));
    const user = await aServer("asked", { idleSecondsThreshold: 1 }, pod);
    await user.until("alice", ({ status }) => status?.state === "hibernated");
    const secret = await user.get(kinds.Secret, "alice");
    const token = Buffer.from(secret.data?.["jupyterServerAppToken"] ?? "", "base64").toString();
    const asked = ["status", "kernels", "terminals"];
    expect(pod.paths).toEqual(asked.map((what) => `/asked/alice/api/${what}?no_track_activity=1`));
    expect(pod.requests.map(({ headers }) => headers.authorization)).toEqual(asked.map(() => `token ${token}`));
  });

  it("runs on while a kernel works, or once its user says so in one write", async () => {
    const busy = await aServer("busy", { idleSecondsThreshold: 1 }, await aPod(jupyterWithKernel(longAgo, "busy")));
    const far = new Date(Date.now() + 3_600_000).toISOString();
    const kept = await aServer(
      "kept",
      { idleSecondsThreshold: 1, keepAliveUntil: far },
      await aPod(jupyterWithKernel(longAgo)),
    );
    const { status } = await kept.server("alice");
    expect(status?.willHibernateAt).toBe(far.replace(/\.\d+/, ""));
    const pod = await aPod(jupyterWithKernel(longAgo));
    const idle = await aServer("between", { idleSecondsThreshold: 1 }, pod);
    await idle.until("alice", (server) => server.status?.state === "hibernated");
    expect(await isHibernated(busy)).toBe(false);
    await busy.until("alice", (server) => server.status?.lastActivityBy === "KernelBusy");
    expect(await isHibernated(kept)).toBe(false);
  });

  it("is hibernated at once by the next controller, if its limit is reached after the one before was killed", async () => {
    const user = await aServer("killed", { maxAgeSecondsThreshold: 3_600 }, await aPod(jupyterWithKernel(longAgo)));
    await operator.kill();
    await user.patchServer("alice", { spec: { culling: { maxAgeSecondsThreshold: 1 } } });
    await sleep(1_000); // the time has to pass
    expect(await isHibernated(user)).toBe(false);
    await startController();
    await user.until("alice", (server) => server.status?.state === "hibernated");
  });
});

describe("what somebody changes a moment before", () => {
  it("wins: a limit is enforced on the very version that it was judged by, or not at all", async () => {
    const user = await aServer("raced", {}, await aPod(jupyterWithKernel(longAgo)));
    const { metadata } = await user.server("alice");
    const { namespace, name, uid, resourceVersion } = metadata;
    await user.patchServer("alice", { spec: { culling: { keepAliveUntil: "2099-01-01T00:00:00Z" } } });
    const target = { apiVersion: SERVER_KIND.apiVersion, kind: SERVER_KIND.kind, namespace, name, uid };
    for (const kind of ["Hibernate", "Delete"] as const) {
      const head = { childKey: "culling", target, desiredHash: "", because: "", note: "", annotations: {} };
      const cull = { reason: "Idle", kind, setBy: "Server", at: new Date(), warnAt: new Date() } as const;
      const action: Action = { kind: "Cull", ...head, resourceVersion, cull, isClockAhead: false };
      const needed = { client: world.admin, record: () => {} };
      const deps: Partial<ApplyDeps> = { ...needed, findKind: (at) => findKind(at, []) };
      const attempt = applyPlan([action], { secretExpected: false }, deps as ApplyDeps, forever); // all that a cull needs
      await expect(attempt).rejects.toSatisfy(isConflict);
    }
    expect(await isHibernated(user)).toBe(false);
  });
});

describe("a server whose manifest is applied by kubectl", () => {
  const manifest = (jupyterServer: object): string =>
    JSON.stringify({
      apiVersion: SERVER_KIND.apiVersion,
      kind: SERVER_KIND.kind,
      metadata: { name: "alice", namespace: "applied" },
      spec: {
        jupyterServer,
        culling: { idleSecondsThreshold: 1 },
        routing: { host: "hub.example.org", path: "/applied/alice" },
        storage: { pvc: { enabled: true } },
      },
    });
  const apply = async (jupyterServer: object): Promise<void> => {
    await world.cluster.kubectl(["apply", "--server-side", "-f=-"], { stdin: manifest(jupyterServer) });
  };

  it("is left alone as long as the manifest says hibernated, and otherwise there is no conflict", async () => {
    const user = new User(world.admin, await world.makeNamespace("applied"));
    await apply({ hibernated: false });
    await makeReady(user, await aPod(jupyterWithKernel(longAgo)));
    const server = await user.until("alice", (now) => conditionOf(now, "CullingPrevented") !== undefined);
    expect(JSON.stringify(server.status?.conditions)).toContain("the field manager kubectl applies");
    await apply({ hibernated: false });
    expect(await isHibernated(user)).toBe(false);
    await apply({});
    await user.until("alice", (now) => now.status?.state === "hibernated");
    await apply({});
    expect(await isHibernated(user)).toBe(true);
  });
});

describe("a pod that does not tell the truth", () => {
  const elsewhere = "http://127.0.7.1:8888/elsewhere";
  const liars: Readonly<Record<string, RequestListener>> = {
    hangs: () => {},
    redirects: (_request, response) => void response.writeHead(302, { location: elsewhere }).end(),
    refuses: (_request, response) => void response.writeHead(403).end("{}"),
    babbles: (_request, response) => void response.end("<html>"),
    resets: (_request, response) => void response.destroy(),
    floods: (_request, response) => {
      const chunk = Buffer.alloc(1_000_000, " ");
      let left = 100;
      const more = (): void => {
        while (left-- > 0) if (!response.write(chunk)) return void response.once("drain", more);
        response.end("[]");
      };
      more();
    },
    drips: (_request, response) => {
      const timer = setInterval(() => response.write(" "), 50);
      response.on("close", () => clearInterval(timer));
    },
    invents: (_request, response) =>
      void response.end(JSON.stringify([{ last_activity: "never", execution_state: 1 }])),
  };

  it.each(Object.entries(liars))(
    "and %s keeps its server from being idle, not from growing old",
    async (name, answer) => {
      const pod = await aPod(answer);
      const user = await aServer(name, { idleSecondsThreshold: 1 }, pod);
      const { status } = await user.until("alice", (now) => conditionOf(now, "ActivityUnknown") !== undefined);
      expect(status?.state).toBe("running");
      expect(pod.paths.filter((path) => path.includes("elsewhere"))).toEqual([]);
      await user.patchServer("alice", { spec: { culling: { maxAgeSecondsThreshold: 1 } } });
      await user.until("alice", (server) => server.status?.state === "hibernated");
    },
  );
});

describe("a server that never starts", () => {
  const create = async (namespace: string, pvc: object, limit = "startingSecondsThreshold"): Promise<User> => {
    const user = new User(world.admin, await world.makeNamespace(namespace));
    const culling = { [limit]: 2 };
    await user.create("alice", { culling, storage: { size: "1Gi", pvc: { enabled: true, ...pvc } } });
    return user;
  };

  it("is deleted, and its volume with it unless that is to be retained", async () => {
    const [gone, retained] = [await create("gives-up", {}), await create("retains", { retentionPolicy: "Retain" })];
    for (const user of [gone, retained]) {
      await eventually(async () => expect(await user.find(SERVER_KIND, "alice")).toBeUndefined());
    }
    await eventually(async () => expect(await gone.find(kinds.PersistentVolumeClaim, "alice")).toBeUndefined());
    const { metadata } = await retained.get(kinds.PersistentVolumeClaim, "alice");
    expect(metadata.ownerReferences ?? []).toEqual([]);
    expect(metadata.labels).toMatchObject({ [LABELS.parentName]: "alice" });
    expect(await eventNotes(gone, "LimitReached")).toHaveLength(1);
  });

  it("leaves a retained volume that a new server can take", async () => {
    const user = new User(world.admin, "retains");
    const { uid } = (await user.get(kinds.PersistentVolumeClaim, "alice")).metadata;
    await user.create("bob", { storage: { size: "1Gi", pvc: { enabled: true, existingClaim: "alice" } } });
    const { spec } = await eventually(() => user.get(kinds.Pod, "bob-0"));
    const claims = spec?.volumes?.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
    expect(claims).toEqual(["alice"]);
    expect((await user.get(kinds.PersistentVolumeClaim, "alice")).metadata.uid).toBe(uid);
  });

  it("is deleted for failing, too, such as a program that ends again and again", async () => {
    const user = await create("fails", {}, "failedSecondsThreshold");
    const { metadata } = await eventually(() => user.get(kinds.Pod, "alice-0"));
    const lastState = { terminated: { exitCode: 1, reason: "Error", startedAt: null, finishedAt: null } };
    const state = { waiting: { reason: "CrashLoopBackOff" } };
    const container = { name: "jupyter-server", image: "nginx", imageID: "", ready: false, restartCount: 99 };
    const body = { status: { phase: "Running", containerStatuses: [{ ...container, state, lastState }] } };
    await world.admin.patch(kinds.Pod, metadata, { kind: "Merge", body }, { subresource: "status" }, forever);
    await eventually(async () => expect(await user.find(SERVER_KIND, "alice")).toBeUndefined());
  });
});

describe("a server that was restored without its status", () => {
  it("is hibernated and not deleted while the claim that was restored with it is in its way", async () => {
    const user = new User(world.admin, await world.makeNamespace("restored"));
    const resources = { requests: { storage: "1Gi" } };
    await user.make(kinds.PersistentVolumeClaim, "alice", { spec: { accessModes: ["ReadWriteOnce"], resources } });
    await user.create("alice", { culling: { startingSecondsThreshold: 1, failedSecondsThreshold: 1 } });
    await user.until("alice", ({ status }) => status?.state === "hibernated");
    expect(await user.find(kinds.PersistentVolumeClaim, "alice")).toBeDefined();
  });
});

describe("servers far from their limits", () => {
  it("cost neither a write nor a question", async () => {
    const pod = await aPod(jupyterWithKernel(longAgo));
    await aServer("calm", { idleSecondsThreshold: 3600 }, pod);
    // Details that were held back follow within seconds; then nothing is left to do until the limit.
    await eventually(async () => {
      const before = controllerWrites(world).length;
      await sleep(6_000); // longer than details are held back
      expect(controllerWrites(world).length).toBe(before);
    });
    expect(pod.paths).toEqual([]);
  });
});

describe("where CPU use counts", () => {
  /** The metrics API, as far as the API server goes: nobody measures anything here. */
  const metricsApi = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: "pods.metrics.k8s.io",
      annotations: { "api-approved.kubernetes.io": "unapproved, for a test" },
    },
    spec: {
      group: "metrics.k8s.io",
      scope: "Namespaced",
      names: { kind: "PodMetrics", plural: "pods", singular: "podmetrics" },
      versions: [
        {
          name: "v1beta1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  };
  const use = (namespace: string, cpu: string): object => ({
    apiVersion: "metrics.k8s.io/v1beta1",
    kind: "PodMetrics",
    metadata: { name: "alice-0", namespace, labels: { [LABELS.parentUid]: "any" } },
    timestamp: new Date(Date.now() + 3_600_000).toISOString(), // after the start of the pod, which comes later
    containers: [{ name: "jupyter-server", usage: { cpu, memory: "300Mi" } }],
  });
  const create = async (object: object): Promise<void> => {
    await world.cluster.kubectl(["create", "-f=-"], { stdin: JSON.stringify(object) });
  };

  it("a server is kept without a metrics API, and with one while it uses more than the threshold", async () => {
    await operator.stop();
    await startController(
      { ...CULLING, cpuUsageMillicoresIdleThreshold: IDLE_CPU },
      { JUPYTER_SERVER_RESOURCE_CHECK_INTERVAL_SECONDS: "5" },
    );
    const idle = { idleSecondsThreshold: 2 };
    const unknown = await aServer("no-metrics", idle, await aPod(jupyterWithKernel(longAgo)));
    const { status } = await unknown.until("alice", (now) => conditionOf(now, "ActivityUnknown") !== undefined);
    expect(JSON.stringify(status?.conditions)).toContain("the metrics API does not report");

    await create(metricsApi);
    await world.cluster.kubectl(["wait", "--for=condition=Established", "crd/pods.metrics.k8s.io", "--timeout=90s"]);
    for (const name of ["computes", "rests"]) await world.makeNamespace(name);
    await eventually(() => create(use("computes", "101m")));
    await create(use("rests", "99m"));
    const [computes, rests] = ["computes", "rests"].map((namespace) => new User(world.admin, namespace));
    if (computes === undefined || rests === undefined) return expect.unreachable();
    for (const user of [computes, rests]) {
      await user.create("alice", { culling: idle });
      await makeReady(user, await aPod(jupyterWithKernel(longAgo)));
    }
    await rests.until("alice", (now) => now.status?.state === "hibernated");
    const { status: busy } = await computes.until("alice", (now) => now.status?.lastActivityAt !== undefined);
    expect(busy?.state).toBe("running");
    expect(await isHibernated(unknown)).toBe(false);
  });

  it("a server's status and the metrics tell what it uses, from lists and no request for each", async () => {
    const computes = new User(world.admin, "computes");
    const { status } = await computes.until("alice", (now) => now.status?.mainPod?.resourceUsage !== undefined);
    expect(status?.mainPod?.resourceUsage).toEqual({ cpuMillicores: 101, memoryBytes: 300 * 1024 * 1024 });
    await eventually(async () => {
      expect(await operator.metric("amalthea_usage_memory_bytes")).toBe(300 * 1024 * 1024);
    });
    expect(new Set(metricsCalls(world).map(({ verb }) => verb))).toEqual(new Set(["list"]));
  });
});

describe("a controller whose clock is ahead", () => {
  const days = (count: number): Clock => ({ ...systemClock, now: () => new Date(Date.now() + count * 86_400_000) });

  it("enforces no limit before its time, says why, and does all else", async () => {
    const user = await aServer("ahead", { maxAgeSecondsThreshold: 86_400 }, await aPod(jupyterWithKernel(longAgo)));
    await operator.stop();
    await startController(CULLING, {}, days(2));
    await eventually(async () => expect(operator.complaints.join()).toContain("clock of this controller is ahead"));
    expect(await isHibernated(user)).toBe(false);
    await user.patchServer("alice", { spec: { routing: { ingressAnnotations: { "example.org/note": "new" } } } });
    await eventually(async () => {
      const { metadata } = await user.get(kinds.Ingress, "alice");
      expect(metadata.annotations).toMatchObject({ "example.org/note": "new" });
    });
    expect(await isHibernated(user)).toBe(false);
  });
});
