import { describe, expect, it } from "vitest";
import type { Action } from "./decision.ts";
import { copyOf } from "./json.ts";
import type { LiveChild, Observed } from "./observed.ts";
import { planFor, type PlanDecision } from "./plan.ts";
import { carryOut } from "./simulated-world.ts";
import { aCondition, anObserved, aServer, NOW, someSettings, timeAgo, type ServerOptions } from "./testing.ts";

/** A world in which the server runs as its spec says, and nothing is left to do. */
function running(options: ServerOptions = {}): Observed {
  const start = anObserved({ server: aServer(options) });
  return carryOut(start, planFor(start, someSettings(), NOW).plan);
}

function change(world: Observed, options: ServerOptions): Observed {
  return { ...world, server: aServer(options) };
}

/** The pod's containers have been waiting since the kubelet saw it. */
function neverReady(world: Observed): Observed {
  const { pod } = world;
  if (pod === undefined) return world;
  const conditions = [aCondition("Ready", "False", { lastTransitionTime: timeAgo(59) })];
  return { ...world, pod: { ...pod, status: { phase: "Pending", startTime: timeAgo(59), conditions } } };
}

function decide(world: Observed, settings = someSettings()): PlanDecision {
  return planFor(world, settings, NOW);
}

function sentences({ plan }: PlanDecision): readonly string[] {
  return plan.map((action) => `${action.kind} ${subject(action)}: ${action.because}`);
}

function subject(action: Action): string {
  return action.kind === "Apply" || action.kind === "EnsureSecret" ? action.childKey : action.target.kind;
}

function withChild(world: Observed, kind: string, edit: (child: LiveChild) => LiveChild): Observed {
  return { ...world, children: world.children.map((child) => (child.kind === kind ? edit(copyOf(child)) : child)) };
}

const large = { resources: { requests: { memory: "1Gi" } } };
const larger = { resources: { requests: { memory: "2Gi" } } };

describe("planFor", () => {
  it("makes what a pod needs before the pod, and what leads to it after", () => {
    const { plan } = decide(anObserved({ server: aServer({ pvc: { enabled: true } }) }));
    expect(plan.map(subject)).toEqual([
      "secret",
      "networkpolicy",
      "configmap",
      "pvc",
      "statefulset",
      "service",
      "ingress",
    ]);
  });

  it("makes a Service anew when what somebody added to it makes ours invalid", () => {
    const edited = withChild(running(), "Service", (child) => ({ ...child, spec: { ports: [{ port: 81 }] } }));
    const [apply] = decide(edited).plan;
    expect(apply).toMatchObject({ kind: "Apply", childKey: "service", create: false });
    const desiredHash = apply?.kind === "Apply" ? apply.desiredHash : "";
    const refusal = {
      childKey: "service",
      kind: "Service",
      code: 422,
      message: "ports[0].name: Required",
      desiredHash,
    };
    const refused = { ...edited, failures: [refusal] };
    expect(sentences(decide(refused))).toEqual([
      "Remove Service: what somebody added to it leaves no room for ours: it is made anew",
    ]);
  });

  it("brings back a child that somebody deleted", () => {
    const world = running();
    const children = world.children.filter(({ kind }) => kind !== "Service");
    expect(sentences(decide({ ...world, children }))).toEqual(["Apply service: it is missing"]);
  });

  it("takes back a field that somebody changed, and leaves what somebody added", () => {
    const scaled = withChild(running(), "StatefulSet", (child) => ({ ...child, spec: { ...child.spec, replicas: 3 } }));
    expect(sentences(decide(scaled))).toEqual(["Apply statefulset: somebody changed spec.replicas"]);
    const added = withChild(running(), "Service", (child) => ({
      ...child,
      spec: { ...child.spec, sessionAffinity: "ClientIP" },
    }));
    expect(decide(added).plan).toEqual([]);
  });

  it("changes the template of a running server, and not its pod", () => {
    const decision = decide(change(running(), { jupyterServer: { image: "other:v2" } }));
    expect(sentences(decision)).toEqual([expect.stringMatching(/^Apply statefulset: /)]);
    expect(decision.facts.pendingFields).toEqual(["jupyterServer.image"]);
  });

  it("restarts the pod under updatePolicy Restart, once the template is there", () => {
    const changed = change(running(), { jupyterServer: { image: "other:v2" }, updatePolicy: "Restart" });
    const first = decide(changed);
    expect(first.plan.map(subject)).toEqual(["statefulset"]);
    expect(sentences(decide(carryOut(changed, first.plan)))).toEqual(["RemovePod Pod: jupyterServer.image changed"]);
  });

  it("leaves a pod alone that was started by a version which did not know a field, until that has another value", () => {
    const world = running({ updatePolicy: "Restart" });
    const name = "amalthea.dev/started-with";
    const started = JSON.parse(world.pod?.metadata.annotations?.[name] ?? "") as Record<string, unknown>;
    delete started["jupyterServer.defaultUrl"];
    const metadata = { ...world.pod?.metadata, annotations: { [name]: JSON.stringify(started) } };
    const older = { ...world, pod: { ...world.pod, metadata } } as Observed;
    expect(decide(older).facts.pendingFields).toEqual([]);
    const changed = change(older, { jupyterServer: { defaultUrl: "/tree" } });
    expect(decide(changed).facts.pendingFields).toEqual(["jupyterServer.defaultUrl"]);
  });

  it("replaces a pod that was never ready when its template changes", () => {
    const changed = change(neverReady(running({ jupyterServer: { image: "wrong" } })), {
      jupyterServer: { image: "right" },
    });
    const next = carryOut(changed, decide(changed).plan);
    expect(sentences(decide(next))).toEqual(["RemovePod Pod: jupyterServer.image changed before it was ready"]);
  });

  const restartedAt = (value: string): ServerOptions => ({
    metadata: { annotations: { "amalthea.dev/restartedAt": value } },
  });

  it.each([
    { asked: "by an annotation", before: {}, after: restartedAt("once"), restarts: true },
    { asked: "by another value of it", before: restartedAt("once"), after: restartedAt("twice"), restarts: true },
    { asked: "for the pod that runs", before: restartedAt("once"), after: restartedAt("once"), restarts: false },
    { asked: "for and taken back", before: restartedAt("once"), after: {}, restarts: false },
    { asked: "by a clock that is wrong", before: {}, after: restartedAt(timeAgo(-3600)), restarts: true },
  ])("restarts once when that is asked $asked: $restarts", ({ before, after, restarts }) => {
    const asked = change(running(before), after);
    const withTemplate = carryOut(asked, decide(asked).plan);
    const { plan } = decide(withTemplate);
    expect(plan.some(({ kind }) => kind === "RemovePod")).toBe(restarts);
    expect(decide(carryOut(withTemplate, plan)).plan).toEqual([]);
  });

  it("restarts a server whose template an admission webhook rewrites, when applying it is known to change nothing", () => {
    const asked = change(running(), restartedAt("once"));
    const rewritten = withChild(carryOut(asked, decide(asked).plan), "StatefulSet", (child) => {
      const template = copyOf(child.spec?.["template"]) as { spec: Record<string, unknown> };
      return {
        ...child,
        spec: { ...child.spec, template: { ...template, spec: { ...template.spec, containers: [] } } },
      };
    });
    expect(sentences(decide(rewritten))).toEqual([expect.stringMatching(/^Apply statefulset: somebody changed/)]);
    const { uid, annotations } = rewritten.children.find(({ kind }) => kind === "StatefulSet")?.metadata ?? {};
    const equivalent = new Map([[uid ?? "", annotations?.["amalthea.dev/desired-hash"] ?? ""]]);
    expect(decide({ ...rewritten, equivalent }).plan.map(({ kind }) => kind)).toEqual(["RemovePod"]);
    const other = { ...rewritten, equivalent: new Map([[uid ?? "", "of another form"]]) };
    expect(decide(other).plan.map(subject)).toEqual(["statefulset"]);
  });

  it("obeys kubectl rollout restart, once, also when the clock of whoever asked is wrong", () => {
    const restarted = withChild(running(), "StatefulSet", (child) => {
      const annotations = { "kubectl.kubernetes.io/restartedAt": timeAgo(-3600) };
      const template = copyOf(child.spec?.["template"]) as { metadata: { annotations: Record<string, string> } };
      Object.assign(template.metadata.annotations, annotations);
      return { ...child, spec: { ...child.spec, template } };
    });
    const { plan } = decide(restarted);
    expect(plan.map(({ kind }) => kind)).toEqual(["RemovePod"]);
    expect(decide(carryOut(restarted, plan)).plan).toEqual([]);
  });

  it("makes an Ingress anew when its class is not asked for any more", () => {
    const classed = running({ routing: { ingressClassName: "internal" } });
    const asked = change(classed, {});
    const first = decide(asked).plan;
    expect(sentences({ plan: first } as PlanDecision)).toEqual([expect.stringMatching(/^Remove Ingress: its class/)]);
    expect(decide(carryOut(asked, first)).plan.map(subject)).toEqual(["ingress"]);
    expect(decide(change(running(), { routing: { ingressClassName: "internal" } })).plan).toMatchObject([
      { kind: "Apply", childKey: "ingress", create: false },
    ]);
  });

  it("keeps the Ingress on the route that the pod was started with", () => {
    const world = running();
    const moved = change(world, { routing: { path: "/new", ingressAnnotations: { a: "b" } } });
    const decision = decide(moved);
    expect(decision.plan.map(subject)).toEqual(["statefulset", "ingress"]);
    expect(JSON.stringify(decision.plan.at(-1))).toContain('"path":"/sessions/alice"');
    expect(decision.facts.route?.path).toBe("/sessions/alice");
    expect(decision.facts.pendingFields).toEqual(["routing.path"]);
    const asleep = { ...moved, pod: undefined };
    expect(decide(asleep).facts.route?.path).toBe("/new");
  });

  it("does not send again what the API server refused, until it may", () => {
    const world = anObserved({ server: aServer() });
    const service = decide(world).plan.find((action) => subject(action) === "service");
    const desiredHash = service?.kind === "Apply" ? service.desiredHash : "";
    const failure = { childKey: "service", kind: "Service", code: 422, message: "no", desiredHash };
    expect(decide({ ...world, failures: [failure] }).plan.map(subject)).not.toContain("service");
    expect(decide({ ...world, failures: [{ ...failure, mayRetry: true }] }).plan.map(subject)).toContain("service");
    expect(decide({ ...world, failures: [{ ...failure, desiredHash: "x" }] }).plan.map(subject)).toContain("service");
  });

  it("hibernates through /scale while a patch is broken, and leaves the rest as it is", () => {
    const patches = [{ type: "application/json-patch+json", patch: [{ op: "remove", path: "/x" }] }] as const;
    const decision = decide(change(running(), { patches, jupyterServer: { hibernated: true } }));
    expect(sentences(decision)).toEqual([
      "PatchMetadata JupyterServer: clients read there whether it is hibernated",
      "Scale StatefulSet: its template cannot be made",
    ]);
    expect(decision.facts.desiredIngressSettled).toBe(true);
  });

  it("hibernates through /scale while the StatefulSet is refused", () => {
    const failure = { childKey: "statefulset", kind: "StatefulSet", code: 422, message: "no", desiredHash: "old" };
    const world = { ...change(running(), { jupyterServer: { hibernated: true } }), failures: [failure] };
    expect(decide(world).plan.map(({ kind }) => kind)).toContain("Scale");
  });

  it("hibernates and resumes with two writes each", () => {
    const world = running({ pvc: { enabled: true } });
    const asleep = change(world, { pvc: { enabled: true }, jupyterServer: { hibernated: true } });
    expect(decide(asleep).plan.map(subject)).toEqual(["JupyterServer", "statefulset"]);
  });

  it.each([
    { hibernated: true, wanted: 0, asked: 1 },
    { hibernated: false, wanted: 1, asked: 3 },
    { hibernated: false, wanted: 1, asked: 0 },
  ])("has $wanted pods although a patch asks for $asked, and says so", ({ hibernated, wanted, asked }) => {
    const patches = [
      { type: "application/merge-patch+json", patch: { service: { metadata: { labels: { a: "b" } } } } },
      { type: "application/merge-patch+json", patch: { statefulset: { spec: { replicas: asked } } } },
    ] as const;
    const { plan, facts } = decide(anObserved({ server: aServer({ patches, jupyterServer: { hibernated } }) }));
    const made = plan.find((action) => subject(action) === "statefulset");
    expect(made).toMatchObject({ manifest: { spec: { replicas: wanted } } });
    expect(facts.warnings).toContainEqual(
      expect.objectContaining({ kind: "PatchSkipped", patchIndex: 1, path: "/statefulset/spec/replicas" }),
    );
  });

  it("does not warn of a patch that asks for the replicas that the server has", () => {
    const patch = [{ op: "replace", path: "/statefulset/spec/replicas", value: 1 }];
    const patches = [{ type: "application/json-patch+json", patch }] as const;
    expect(decide(anObserved({ server: aServer({ patches }) })).facts.warnings).toEqual([]);
  });

  describe("with a Secret that nobody watches", () => {
    it("does not look at it while the pod runs", () => {
      const status = { children: { secret: { uid: "s", name: "alice", kind: "Secret", apiVersion: "v1" } } };
      const world: Observed = { ...running(), secret: { kind: "Unknown" } };
      expect(decide({ ...world, server: aServer({ status }) }).plan).toEqual([]);
    });

    it("looks at it before the pod starts, and before it is restarted", () => {
      const world: Observed = { ...running({ jupyterServer: { hibernated: true } }), secret: { kind: "Unknown" } };
      const annotations = world.server.metadata.annotations ?? {};
      expect(decide(change(world, { metadata: { annotations } })).plan.map(subject)).toContain("secret");
      const asked = change(running(), restartedAt("now"));
      const restart: Observed = { ...carryOut(asked, decide(asked).plan), secret: { kind: "Unknown" } };
      expect(decide(restart).plan.map(({ kind }) => kind)).toEqual(["EnsureSecret", "RemovePod"]);
    });

    it("waits with a changed token until the next start", () => {
      const decision = decide(change(running({ auth: { token: "a" } }), { auth: { token: "b" } }));
      expect(decision.plan.map(subject)).toEqual(["statefulset"]);
      expect(decision.facts.pendingFields).toEqual(["auth.token"]);
    });

    it("starts no pod, and looks again in time, when one of the same name belongs to somebody else", () => {
      const world = anObserved();
      const [ensure] = decide(world).plan;
      const desiredHash = ensure?.kind === "EnsureSecret" ? ensure.secret.contentHash : "";
      const failure = { childKey: "secret", kind: "Secret", code: 409, message: "taken", desiredHash };
      const held = decide({ ...world, failures: [failure] }).plan.map(subject);
      expect(held).toEqual(["networkpolicy", "configmap", "service", "ingress"]);
      const again = decide({ ...world, failures: [{ ...failure, mayRetry: true }] }).plan.map(subject);
      expect(again).toContain("secret");
      expect(again).not.toContain("statefulset");
    });

    it("does not resume, and looks again in time, when its name was taken meanwhile", () => {
      const status = { children: { secret: { uid: "s", name: "alice", kind: "Secret", apiVersion: "v1" } } };
      const asleep: Observed = { ...running({ jupyterServer: { hibernated: true } }), secret: { kind: "Unknown" } };
      const { annotations = {} } = asleep.server.metadata;
      const world = change(asleep, { status, metadata: { annotations } });
      const ensure = decide(world).plan.find(({ kind }) => kind === "EnsureSecret");
      const desiredHash = ensure?.kind === "EnsureSecret" ? ensure.secret.contentHash : "";
      const failure = { childKey: "secret", kind: "Secret", code: 409, message: "taken", desiredHash };
      const held = decide({ ...world, failures: [failure] }).plan.map(subject);
      expect(held).not.toContain("statefulset");
      expect(held).not.toContain("secret");
      const again = decide({ ...world, failures: [{ ...failure, mayRetry: true }] }).plan.map(subject);
      expect(again).toContain("secret");
      expect(again).not.toContain("statefulset");
    });

    it("keeps every value of it out of the other children", () => {
      const token = "very-secret-value";
      const { plan } = decide(anObserved({ server: aServer({ auth: { token } }) }));
      expect(JSON.stringify(plan.filter(({ kind }) => kind !== "EnsureSecret"))).not.toContain(token);
    });
  });

  describe("with resources", () => {
    it("resizes a running pod in place, and changes the template for the next", () => {
      const decision = decide(change(running({ jupyterServer: large }), { jupyterServer: larger }));
      expect(decision.plan.map(({ kind }) => kind)).toEqual(["Apply", "Resize"]);
      expect(decision.facts).toMatchObject({ resize: { kind: "Requested" }, pendingFields: [] });
    });

    it.each([
      { what: "a removed value", to: {} },
      { what: "a GPU", to: { requests: { memory: "1Gi" }, limits: { "nvidia.com/gpu": "1" } } },
      { what: "another QoS class", to: { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } } },
    ])("lets $what wait for the next start", ({ to }) => {
      const decision = decide(change(running({ jupyterServer: large }), { jupyterServer: { resources: to } }));
      expect(decision.plan.map(({ kind }) => kind)).toEqual(["Apply"]);
      expect(decision.facts.resize.kind).toBe("NotPossible");
      expect(decision.facts.pendingFields).toEqual(["jupyterServer.resources"]);
    });

    it("keeps those that a patch sets", () => {
      const path = "/statefulset/spec/template/spec/containers/0/resources";
      const patches = [
        { type: "application/json-patch+json", patch: [{ op: "replace", path, value: larger.resources }] },
      ] as const;
      const world = running({ jupyterServer: large, patches });
      expect(world.pod?.spec?.containers[0]?.resources).toEqual(larger.resources);
      expect(decide(world).plan).toEqual([]);
    });
  });

  describe("with a claim", () => {
    const claim = { pvc: { enabled: true } };
    const bind = (world: Observed): Observed =>
      withChild(world, "PersistentVolumeClaim", (child) => ({
        ...child,
        spec: { storageClassName: "standard", ...child.spec, volumeName: "pv" },
      }));

    it("lets it grow", () => {
      expect(decide(change(bind(running(claim)), { ...claim, size: "1Gi" })).plan.map(subject)).toEqual(["pvc"]);
    });

    it("leaves a bound one its class when none is asked for any more", () => {
      const world = change(bind(running({ pvc: { enabled: true, storageClassName: "standard" } })), claim);
      const { plan, facts } = decide(world);
      expect(plan).toMatchObject([{ childKey: "pvc", manifest: { spec: { storageClassName: "standard" } } }]);
      expect(facts.problems).toEqual([]);
      expect(decide(carryOut(world, plan)).plan.map(subject)).not.toContain("pvc");
    });

    it("starts no pod while somebody else's has its name", () => {
      const world = anObserved({ server: aServer(claim) });
      const failure = { childKey: "pvc", kind: "PersistentVolumeClaim", code: 409, message: "taken", desiredHash: "" };
      expect(decide({ ...world, failures: [failure] }).plan.map(subject)).not.toContain("statefulset");
    });

    it("gives a server that has none the template with it only when no refusal is known", () => {
      const world = change(running(), claim);
      const failure = { childKey: "pvc", kind: "PersistentVolumeClaim", code: 409, message: "taken", desiredHash: "" };
      expect(decide(world).plan.map(subject)).toEqual(["pvc", "statefulset"]);
      expect(decide({ ...world, failures: [failure] }).plan.map(subject)).toEqual(["pvc"]);
    });

    it("hibernates a server whose claim is refused by its replicas alone, and does not resume it", () => {
      const failure = { childKey: "pvc", kind: "PersistentVolumeClaim", code: 409, message: "taken", desiredHash: "" };
      const asleep = { ...change(running(), { ...claim, jupyterServer: { hibernated: true } }), failures: [failure] };
      const { plan } = decide(asleep);
      expect(plan).toContainEqual(expect.objectContaining({ kind: "Scale", replicas: 0 }));
      expect(plan.map(subject)).not.toContain("statefulset");
      const scaled = carryOut(
        asleep,
        plan.filter(({ kind }) => kind !== "Apply"),
      );
      const { annotations = {} } = scaled.server.metadata;
      const resumed = { ...scaled, server: aServer({ ...claim, metadata: { annotations } }) };
      const second = decide(resumed).plan;
      expect(second.map(subject)).not.toContain("statefulset");
      expect(second.map(({ kind }) => kind)).not.toContain("Scale");
    });

    it("removes an unbound one only as long as nobody has bound it", () => {
      const world = change(running(claim), { pvc: { enabled: true, storageClassName: "fast" } });
      expect(decide(world).plan).toContainEqual(expect.objectContaining({ kind: "Remove", resourceVersion: "1" }));
    });

    it("refuses to shrink it", () => {
      const { plan, facts } = decide(change(bind(running({ ...claim, size: "1Gi" })), { ...claim, size: "500Mi" }));
      expect(plan).toEqual([]);
      expect(facts.problems).toEqual([{ kind: "ClaimShrinkRefused", from: "1Gi", to: "500Mi" }]);
    });

    it("refuses another class once it is bound, and makes it anew before", () => {
      const wanted = { pvc: { enabled: true, storageClassName: "fast" } };
      const bound = decide(change(bind(running(claim)), wanted));
      expect(bound.facts.problems).toEqual([
        { kind: "ClaimChangeRefused", field: "storage.pvc.storageClassName", from: "standard", to: "fast" },
      ]);
      const pending = running({ pvc: { enabled: true, storageClassName: "wrong" } });
      expect(sentences(decide(change(pending, wanted)))[0]).toBe(
        "Remove PersistentVolumeClaim: its class changed before it was bound",
      );
    });

    it("makes it anew when the class that it waits for is not asked for any more", () => {
      const pending = running({ pvc: { enabled: true, storageClassName: "wrong" } });
      const corrected = change(pending, { pvc: { enabled: true } });
      const [apply] = decide(corrected).plan;
      const desiredHash = apply?.kind === "Apply" ? apply.desiredHash : "";
      const refusal = { childKey: "pvc", kind: "PersistentVolumeClaim", code: 422, message: "immutable", desiredHash };
      expect(sentences(decide({ ...corrected, failures: [refusal] }))[0]).toBe(
        "Remove PersistentVolumeClaim: it cannot be changed, and was never bound",
      );
    });

    it("releases it from the server when it is to be retained", () => {
      const world = change(bind(running(claim)), { pvc: { enabled: true, retentionPolicy: "Retain" } });
      const { plan } = decide(world);
      expect(plan.map(subject)).toEqual(["PersistentVolumeClaim", "pvc"]);
      const released = carryOut(world, plan).children.find(({ kind }) => kind === "PersistentVolumeClaim");
      expect(released?.metadata.ownerReferences ?? []).toEqual([]);
    });

    it("removes one that is not asked for any more when no pod uses it", () => {
      const off = change(bind(running(claim)), { pvc: { enabled: false } });
      expect(decide(off).plan.map(({ kind }) => kind)).not.toContain("Remove");
      expect(decide({ ...off, pod: undefined }).plan.map(({ kind }) => kind)).toContain("Remove");
    });

    it("never removes the claim that the server is told to use", () => {
      const world = change(bind(running(claim)), { pvc: { enabled: true, existingClaim: "alice" } });
      expect(decide({ ...world, pod: undefined }).plan.map(({ kind }) => kind)).not.toContain("Remove");
    });
  });

  it("makes no Ingress on a route that an older server holds", () => {
    const { plan, facts } = decide(anObserved({ routeHolder: "sessions/bob" }));
    expect(plan.map(subject)).not.toContain("ingress");
    expect(facts.problems).toEqual([{ kind: "RouteTaken", holder: "sessions/bob" }]);
  });

  it("writes nothing but metadata while the server is being deleted", () => {
    const metadata = { deletionTimestamp: timeAgo(5) };
    expect(decide(change(running(), { metadata, jupyterServer: { image: "x" } })).plan).toEqual([]);
  });
});
