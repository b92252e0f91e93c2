import { describe, expect, it } from "vitest";
import { decide } from "../decide.ts";
import type { Action } from "../decision.ts";
import type { Observed } from "../live/observed.ts";
import { planFor } from "../plan/plan.ts";
import { carryOut } from "../testing/simulated-world.ts";
import {
  aChild,
  aContainer,
  anObserved,
  aPod,
  aReadyPod,
  aServer,
  NOW,
  someSettings,
  timeAgo,
  type ServerOptions,
} from "../testing/builders.ts";

/** A server as 0.24 left it: six children without the hash annotation, and a pod with its proxy. */
function left({
  pod = true,
  replicas = 1,
  ...options
}: ServerOptions & { pod?: boolean; replicas?: number } = {}): Observed {
  const path = { path: "/sessions/alice", backend: {} };
  const children = [
    aChild("service", "Service", { spec: { clusterIP: "None" } }),
    aChild("ingress", "Ingress", { spec: { rules: [{ host: "hub.example.org", http: { paths: [path] } }] } }),
    aChild("statefulset", "StatefulSet", { spec: { replicas } }),
    aChild("configmap", "ConfigMap"),
    aChild("pvc", "PersistentVolumeClaim", {
      spec: { volumeName: "pv", storageClassName: "standard", resources: { requests: { storage: "100Mi" } } },
    }),
    aChild("extra-config", "ConfigMap", {
      metadata: { ...aChild("extra-config", "ConfigMap").metadata, name: "extra" },
    }),
  ];
  const container = {
    name: "jupyter-server",
    image: "jupyter/minimal-notebook:latest",
    workingDir: "/home/jovyan/work",
    volumeMounts: [{ name: "workspace", mountPath: "/home/jovyan/work" }],
    resources: { requests: { memory: "1Gi" } },
  };
  return anObserved({
    server: aServer({
      pvc: { enabled: true },
      jupyterServer: { resources: { requests: { memory: "1Gi" } } },
      ...options,
    }),
    children,
    pod: pod ? aReadyPod({ spec: { containers: [container, { name: "passthrough-proxy" }] } }) : undefined,
  });
}

/** Without network policies, of which 0.24 created none: one test is about them. */
const SETTINGS = someSettings({ networkPolicy: { ...someSettings().networkPolicy, enabled: false } });

function plan(world: Observed): readonly Action[] {
  return planFor(world, SETTINGS, NOW).plan;
}

function kinds(actions: readonly Action[]): readonly string[] {
  return actions.map((action) => `${action.kind} ${isOfChild(action) ? action.childKey : action.target.kind}`);
}

function isOfChild({ kind }: Action): boolean {
  return kind === "Apply" || kind === "EnsureSecret";
}

describe("a legacy server (0.24)", () => {
  it("is not changed while its pod lives", () => {
    const { plan: actions, facts } = planFor(left(), SETTINGS, NOW);
    expect(actions).toEqual([]);
    expect(facts).toMatchObject({
      legacyLayout: true,
      desiredRouteSettled: true,
      pendingFields: [],
    });
  });

  it("is not changed while its pod is evicted and recreated", () => {
    expect(plan(left({ pod: false }))).toEqual([]);
  });

  it("gets a NetworkPolicy at once, in place of the one for all servers in 0.24's chart", () => {
    const world = left();
    const { plan: actions } = planFor(world, someSettings(), NOW);
    expect(kinds(actions)).toEqual(["Apply networkpolicy"]);
    const next = carryOut(world, actions);
    expect(planFor({ ...next, pod: world.pod }, someSettings(), NOW).plan).toEqual([]);
  });

  it.each(["Service", "Ingress", "PersistentVolumeClaim"])(
    "gets a %s in the new layout when its own is deleted",
    (kind) => {
      const world = left();
      const children = world.children.filter((child) => child.kind !== kind);
      expect(plan({ ...world, children })).toMatchObject([{ kind: "Apply", create: true, manifest: { kind } }]);
    },
  );

  it("gets its Secret recreated when its pod cannot start without it, and not before", () => {
    const world = left();
    const waiting = { waiting: { reason: "CreateContainerConfigError", message: 'secret "alice" not found' } };
    const { status } = aPod({ containers: [aContainer({ state: waiting })] });
    const restarted = { ...world, pod: { ...world.pod, status: { ...status, startTime: timeAgo(500) } } } as Observed;
    expect(plan(restarted)).toMatchObject([{ kind: "EnsureSecret", secret: { isOnlyMade: true } }]);
    expect(plan(carryOut(restarted, plan(restarted)))).toEqual([]);
  });

  it("gets no ConfigMap in the new layout, with which its pod could not start", () => {
    const world = left();
    const isOwn = (child: Observed["children"][number]): boolean =>
      child.metadata.labels?.["amalthea.dev/child-key"] === "configmap";
    expect(plan({ ...world, children: world.children.filter((child) => !isOwn(child)) })).toEqual([]);
  });

  it("without an Ingress, because a patch dropped it, counts as reachable", () => {
    const world = left({ patches: [{ type: "application/merge-patch+json", patch: { ingress: null } }] });
    const children = world.children.filter(({ kind }) => kind !== "Ingress");
    const { plan: actions, facts } = planFor({ ...world, children }, SETTINGS, NOW);
    expect(actions).toEqual([]);
    expect(facts.desiredRouteSettled).toBe(true);
  });

  it("is scaled to zero when it hibernates", () => {
    const annotations = { "renku.io/hibernationDate": "2026-03-01T11:00:00+00:00" };
    const world = left({ jupyterServer: { hibernated: true }, metadata: { annotations } });
    expect(kinds(plan(world))).toEqual(["Scale StatefulSet"]);
    expect(plan({ ...world, children: left({ replicas: 0 }).children, pod: undefined })).toEqual([]);
  });

  it("has its CPU and memory changed in place", () => {
    const world = left({ jupyterServer: { resources: { requests: { memory: "2Gi" } } } });
    expect(kinds(plan(world))).toEqual(["PatchMetadata Pod", "Resize Pod"]);
    const { pod } = carryOut(world, plan(world));
    expect(pod?.metadata.annotations).toHaveProperty(["amalthea.dev/resized-to"]);
  });

  it("reports a removed limit as waiting", () => {
    const limited = { requests: { memory: "1Gi" }, limits: { memory: "2Gi" } };
    const containers = [{ name: "jupyter-server", resources: limited }];
    const world = left();
    const children = world.children.map((child) =>
      child.kind === "StatefulSet" ? { ...child, spec: { replicas: 1, template: { spec: { containers } } } } : child,
    );
    const pod = aReadyPod({ spec: { containers } });
    const { facts } = planFor({ ...world, children, pod }, SETTINGS, NOW);
    expect(facts.resize).toMatchObject({ kind: "NotPossible", because: expect.stringContaining("limits.memory") });
  });

  it.each<{ field: string; change: ServerOptions }>([
    { field: "its size", change: { jupyterServer: { resources: { requests: { memory: "512Mi" } } } } },
    {
      field: "its image",
      change: { jupyterServer: { image: "right:v1", resources: { requests: { memory: "1Gi" } } } },
    },
    { field: "its class", change: { pvc: { enabled: true, storageClassName: "right" } } },
  ])("whose pod never got ready is recreated when $field is corrected", ({ change }) => {
    const world = left(change);
    const { pod } = world;
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }];
    const stuck = pod === undefined ? undefined : { ...pod, status: { phase: "Pending", conditions } };
    expect(kinds(plan({ ...world, pod: stuck }))).toContain("Remove StatefulSet");
    expect(kinds(plan({ ...left(), pod: stuck }))).toEqual([]);
  });

  it("reports the fields that its pod does not have", () => {
    const { facts } = planFor(left({ jupyterServer: { image: "new:v2" }, routing: { path: "/b" } }), SETTINGS, NOW);
    expect(facts.pendingFields).toEqual(["jupyterServer.image", "routing.path"].toSorted());
    expect(facts.route?.path).toBe("/sessions/alice");
  });

  it.each([
    { when: "it starts from zero", world: left({ replicas: 0, pod: false }) },
    {
      when: "a restart is asked for",
      world: left({ metadata: { annotations: { "amalthea.dev/restartedAt": timeAgo(5) } } }),
    },
    {
      when: "a field changes under updatePolicy Restart",
      world: left({ updatePolicy: "Restart", jupyterServer: { image: "new:v2" } }),
    },
  ])("is migrated when $when, and keeps Secret and claim", ({ world }) => {
    const first = plan(world);
    const removed = kinds(first).filter((text) => text.startsWith("Remove"));
    expect(removed).toEqual(expect.arrayContaining(["Remove StatefulSet", "Remove Service", "Remove Ingress"]));
    expect(removed.filter((text) => text.includes("Claim") || text.includes("Secret"))).toEqual([]);
    expect(kinds(plan(carryOut(world, first)))).toEqual(
      expect.arrayContaining(["Apply statefulset", "Apply service", "Apply ingress", "Apply configmap"]),
    );
  });

  it("waits with the migration until the legacy pod is gone", () => {
    const world = left({ replicas: 0 });
    expect(plan(world)).toEqual([]);
  });

  it.each<{ what: string; options: ServerOptions; asleep?: object }>([
    { what: "a restart is asked for", options: { metadata: { annotations: { "amalthea.dev/restartedAt": "now" } } } },
    { what: "updatePolicy is Restart", options: { updatePolicy: "Restart" } },
    { what: "it is resumed", options: {}, asleep: { replicas: 0, pod: false } },
  ])("keeps its route, and waits, when $what while the one that it is to have belongs to another", (row) => {
    const world: Observed = {
      ...left({ ...row.options, ...row.asleep, routing: { path: "/bobs" } }),
      routeHolder: "sessions/bob",
    };
    const { plan: actions, facts } = planFor(world, SETTINGS, NOW);
    expect(actions).toEqual([]);
    expect(facts).toMatchObject({ problems: [{ kind: "RouteTaken" }], pendingFields: [], restarting: false });
    expect(kinds(plan({ ...world, routeHolder: undefined }))).toContain("Remove StatefulSet");
  });

  it("whose creation was never completed gets what is missing", () => {
    const world = left({ pod: false });
    const service = world.children.filter(({ kind }) => kind === "Service");
    expect(kinds(plan({ ...world, children: service }))).toContain("Remove Service");
    expect(kinds(plan({ ...world, children: service }))).toContain("Apply statefulset");
  });

  it("loses 0.24's finalizer and annotations in one write, whose body holds none of their values", () => {
    const metadata = {
      finalizers: ["other/one", "kopf.zalando.org/KopfFinalizerMarker"],
      annotations: { "kopf.zalando.org/last-handled-configuration": "secret-token", keep: "me" },
    };
    const world = left({ metadata });
    const actions = plan(world);
    expect(kinds(actions)).toEqual(["PatchMetadata JupyterServer"]);
    expect(JSON.stringify(actions)).not.toContain("secret-token");
    const next = carryOut(world, actions);
    expect(next.server.metadata.finalizers).toEqual(["other/one"]);
    expect(next.server.metadata.annotations).toEqual({
      keep: "me",
      "amalthea.dev/taken-over-at": "2026-03-01T12:00:00+00:00",
      "amalthea.dev/legacy-patches": expect.any(String) as string,
    });
    expect(plan({ ...next, pod: world.pod })).toEqual([]);
  });

  it("keeps 0.24's annotations, but not its finalizer, if the setting says so", () => {
    const metadata = {
      finalizers: ["kopf.zalando.org/KopfFinalizerMarker"],
      annotations: { "kopf.zalando.org/last-handled-configuration": "{}" },
    };
    const world = left({ metadata });
    const settings = { ...SETTINGS, keepPredecessorAnnotations: true };
    const next = carryOut(world, planFor(world, settings, NOW).plan);
    expect(next.server.metadata.finalizers).toEqual([]);
    expect(next.server.metadata.annotations).toHaveProperty(["kopf.zalando.org/last-handled-configuration"]);
    expect(planFor({ ...next, pod: world.pod }, settings, NOW).plan).toEqual([]);
  });

  it("is deleted if it was being deleted", () => {
    const finalizers = ["kopf.zalando.org/KopfFinalizerMarker"];
    const world = left({ metadata: { finalizers, deletionTimestamp: timeAgo(100) } });
    expect(kinds(plan(world))).toEqual(["PatchMetadata JupyterServer"]);
  });

  it.each([
    { minutes: 1, actions: 0, problems: ["PredecessorRunning"] },
    { minutes: 11, actions: 1, problems: [] },
  ])("is not written to when the finalizer came back $minutes minutes ago", ({ minutes, actions, problems }) => {
    const metadata = {
      finalizers: ["kopf.zalando.org/KopfFinalizerMarker"],
      annotations: { "amalthea.dev/taken-over-at": timeAgo(minutes * 60) },
    };
    const decision = planFor(left({ metadata }), SETTINGS, NOW);
    expect(decision.plan).toHaveLength(actions);
    expect(decision.facts.problems.map(({ kind }) => kind)).toEqual(problems);
  });

  it("keeps the status of a legacy controller that still runs, except for the conditions that say so", () => {
    const metadata = {
      finalizers: ["kopf.zalando.org/KopfFinalizerMarker"],
      annotations: { "amalthea.dev/taken-over-at": timeAgo(60) },
    };
    const world = left({ metadata });
    const theirs = { state: "starting", children: {}, startingSince: "2026-03-01T11:00:00+00:00" } as const;
    const { status, outcome } = decide({ ...world, server: { ...world.server, status: theirs } }, SETTINGS, NOW);
    expect(status).toMatchObject(theirs);
    expect(status.mainPod).toBeUndefined();
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: "Stalled", reason: "PredecessorRunning" }),
    );
    expect(outcome).toEqual({ kind: "CheckAgain", afterSeconds: 540 });
  });
});
