import { describe, expect, it } from "vitest";
import { copyOf } from "../values/json.ts";
import type { Observed } from "../live/observed.ts";
import type { PlanDecision } from "./plan.ts";
import {
  carryOut,
  change,
  decide,
  restartedAt,
  running,
  sentences,
  subject,
  withChild,
} from "../testing/simulated-world.ts";
import { aCondition, aContainer, anObserved, aServer, timeAgo } from "../testing/builders.ts";

/** The pod's containers have been waiting since the kubelet saw it. */
function neverReady(world: Observed): Observed {
  const { pod } = world;
  if (pod === undefined) return world;
  const conditions = [aCondition("Ready", "False", { lastTransitionTime: timeAgo(59) })];
  return { ...world, pod: { ...pod, status: { phase: "Pending", startTime: timeAgo(59), conditions } } };
}

/** Jupyter's container, and perhaps an init container, wait for something although the pod was ready once. */
const waiting =
  (reason: string, ofInitContainer?: string) =>
  (world: Observed): Observed => {
    const { pod } = world;
    if (pod === undefined) return world;
    const containerStatuses = [aContainer({ state: { waiting: { reason } }, restartCount: 5 })];
    const initContainerStatuses =
      ofInitContainer === undefined ? [] : [aContainer({ name: "a", state: { waiting: { reason: ofInitContainer } } })];
    const conditions = [aCondition("Ready", "False", { lastTransitionTime: timeAgo(9) })];
    const status = { ...pod.status, startTime: timeAgo(59), conditions, containerStatuses, initContainerStatuses };
    return { ...world, pod: { ...pod, status } };
  };

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

  it("recreates a Service that somebody's addition makes invalid", () => {
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
      "Remove Service: what somebody added to it makes it invalid: it is recreated",
    ]);
    const triedInVain = { ...edited, failures: [{ ...refusal, isDryRun: true }] };
    expect(decide(triedInVain).plan).toEqual([]);
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

  it.each([
    { pod: "was never ready", unused: neverReady },
    { pod: "was ready once and crashes again and again", unused: waiting("CrashLoopBackOff") },
    { pod: "was ready once and whose image is gone", unused: waiting("ImagePullBackOff") },
    { pod: "was ready once and whose Secret is gone", unused: waiting("CreateContainerConfigError") },
    {
      pod: "was ready once and whose init container crashes after the node was down",
      unused: waiting("PodInitializing", "CrashLoopBackOff"),
    },
  ])("replaces a pod that $pod when its template changes", ({ unused }) => {
    const changed = change(unused(running({ jupyterServer: { image: "wrong" } })), {
      jupyterServer: { image: "right" },
    });
    const next = carryOut(changed, decide(changed).plan);
    expect(sentences(decide(next))).toEqual(["RemovePod Pod: jupyterServer.image changed while nobody could use it"]);
  });

  it.each([waiting("ContainerCreating"), waiting("PodInitializing", "PodInitializing")])(
    "leaves a pod alone that was ready once and whose containers are being started again",
    (starting) => {
      const changed = change(starting(running({ jupyterServer: { image: "one" } })), {
        jupyterServer: { image: "two" },
      });
      expect(sentences(decide(carryOut(changed, decide(changed).plan)))).toEqual([]);
    },
  );

  it("replaces a pod whose login never worked when its provider is corrected, without a requested restart", () => {
    const login = {
      enabled: true,
      clientId: "a",
      userId: "alice",
      issuerUrl: "https://typo.example.org",
      clientSecret: { value: "x" },
    };
    const stuck = neverReady(running({ oidc: login, routing: { host: "example.org", tls: { enabled: true } } }));
    const proxy = { name: "oauth2-proxy", restartCount: 5, state: { waiting: { reason: "CrashLoopBackOff" } } };
    const jupyter = aContainer({ ready: true, state: { running: { startedAt: timeAgo(50) } } });
    const status = { ...stuck.pod?.status, containerStatuses: [jupyter, aContainer(proxy)] };
    const changed = change({ ...stuck, pod: { ...stuck.pod, status } } as Observed, {
      oidc: { ...login, issuerUrl: "https://login.example.org" },
      routing: { host: "example.org", tls: { enabled: true } },
    });
    expect(sentences(decide(carryOut(changed, decide(changed).plan)))).toEqual([
      "RemovePod Pod: auth.oidc.issuerUrl changed while nobody could use it",
    ]);
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

  it("recreates an Ingress whose class is no longer requested", () => {
    const classed = running({ routing: { ingressClassName: "internal" } });
    const asked = change(classed, {});
    const first = decide(asked).plan;
    expect(sentences({ plan: first } as PlanDecision)).toEqual([expect.stringMatching(/^Remove Ingress: its class/)]);
    expect(decide(carryOut(asked, first)).plan.map(subject)).toEqual(["ingress"]);
    expect(decide(change(running(), { routing: { ingressClassName: "internal" } })).plan).toMatchObject([
      { kind: "Apply", childKey: "ingress", create: false },
    ]);
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
      "Scale StatefulSet: its template cannot be rendered",
    ]);
    expect(decision.facts.desiredRouteSettled).toBe(true);
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

  it("writes nothing but metadata while the server is being deleted", () => {
    const metadata = { deletionTimestamp: timeAgo(5) };
    expect(decide(change(running(), { metadata, jupyterServer: { image: "x" } })).plan).toEqual([]);
  });
});
