import { ANNOTATIONS, type Patch } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { carryOut, change, decide, running, sentences, subject, withChild } from "../testing/simulated-world.ts";
import { anObserved, aServer, someSettings } from "../testing/builders.ts";

const mergePatch = (patch: object): Patch => ({ type: "application/merge-patch+json", patch });
const BOUND = { "pv.kubernetes.io/bind-completed": "yes" };

describe("a server with a claim", () => {
  const claim = { pvc: { enabled: true } };
  const bind = (world: Observed): Observed =>
    withChild(world, "PersistentVolumeClaim", (child) => ({
      ...child,
      metadata: { ...child.metadata, annotations: { ...child.metadata.annotations, ...BOUND } },
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

  it("refuses another class once it is bound, and is recreated with it before", () => {
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

  it("lets it grow although another change is refused", () => {
    const wanted = { pvc: { enabled: true, storageClassName: "fast" }, size: "2Gi" };
    const { plan, facts } = decide(change(bind(running({ ...claim, size: "1Gi" })), wanted));
    expect(facts.problems).toMatchObject([{ kind: "ClaimChangeRefused", field: "storage.pvc.storageClassName" }]);
    expect(plan).toMatchObject([
      {
        childKey: "pvc",
        manifest: { spec: { storageClassName: "standard", resources: { requests: { storage: "2Gi" } } } },
      },
    ]);
  });

  it("keeps what else a patch says of its resources while it cannot shrink", () => {
    const resources = { limits: { storage: "5Gi" }, requests: { "example.org/iops": "100" } };
    const options = { ...claim, patches: [mergePatch({ pvc: { spec: { resources } } })] };
    const smaller = { ...options, size: "500Mi", metadata: { labels: { course: "7" } } };
    const { plan } = decide(change(bind(running({ ...options, size: "1Gi" })), smaller));
    const requests = { storage: "1Gi", "example.org/iops": "100" };
    expect(plan).toContainEqual(
      expect.objectContaining({
        childKey: "pvc",
        manifest: expect.objectContaining({
          spec: expect.objectContaining({ resources: { ...resources, requests } }),
        }),
      }),
    );
  });

  it.each<{ field: string; wanted: object; from: string; to: string }>([
    {
      field: "accessModes",
      wanted: { accessModes: ["ReadWriteMany"] },
      from: '["ReadWriteOnce"]',
      to: '["ReadWriteMany"]',
    },
    { field: "volumeName", wanted: { volumeName: "other" }, from: "pv", to: "other" },
    { field: "selector", wanted: { selector: { matchLabels: {} } }, from: "none", to: '{"matchLabels":{}}' },
  ])("refuses another $field once it is bound, keeps what it has, and is recreated with it before", (change_) => {
    const { field, wanted, from, to } = change_;
    const pvc = { enabled: true, ...wanted };
    const phase = (value: string) => (world: Observed) =>
      withChild(world, "PersistentVolumeClaim", (child) => ({ ...child, status: { phase: value } }));
    const bound = change(phase("Bound")(bind(running(claim))), { pvc });
    const { plan, facts } = decide(bound);
    expect(facts.problems).toEqual([{ kind: "ClaimChangeRefused", field: `storage.pvc.${field}`, from, to }]);
    expect(plan.filter(({ kind }) => kind === "Remove")).toEqual([]);
    expect(decide(carryOut(bound, plan)).plan.map(subject)).not.toContain("pvc");
    const pending = change(phase("Pending")(running(claim)), { pvc });
    expect(sentences(decide(pending))[0]).toMatch(/^Remove PersistentVolumeClaim: its .* changed before it was bound$/);
  });

  it("waits for a volume that it names without being taken for bound", () => {
    const named = running({ pvc: { enabled: true, volumeName: "wrong" } });
    const corrected = change(named, { pvc: { enabled: true, volumeName: "right" } });
    expect(sentences(decide(corrected))[0]).toBe(
      "Remove PersistentVolumeClaim: its volume changed before it was bound",
    );
  });

  it("keeps a claim that somebody gives a volume, although its class is another, before it is bound", () => {
    const world = change(running(claim), { pvc: { enabled: true, storageClassName: "fast" } });
    const given = withChild(world, "PersistentVolumeClaim", (child) => ({
      ...child,
      spec: { storageClassName: "standard", ...child.spec, volumeName: "pv-data" },
      status: { phase: "Pending" },
    }));
    const { plan, facts } = decide(given);
    expect(plan.map(({ kind }) => kind)).not.toContain("Remove");
    expect(facts.problems).toMatchObject([{ kind: "ClaimChangeRefused", field: "storage.pvc.storageClassName" }]);
  });

  it.each<{ what: string; spec: object }>([
    { what: "the class", spec: { storageClassName: "gold" } },
    { what: "a larger size", spec: { resources: { requests: { storage: "5Gi" } } } },
    { what: "a smaller size", spec: { resources: { requests: { storage: "1Mi" } } } },
    { what: "the selector", spec: { selector: { matchLabels: { tier: "gold" } } } },
  ])("is not recreated for $what that a webhook gave it when it was created, before it is bound", ({ spec }) => {
    const options = { pvc: { enabled: true, storageClassName: "fast", selector: { matchLabels: { tier: "silver" } } } };
    const world = withChild(running(options), "PersistentVolumeClaim", (child) => ({
      ...child,
      spec: { ...child.spec, ...spec },
    }));
    expect(decide(world).plan).toEqual([]);
    const other = change(world, { pvc: { ...options.pvc, accessModes: ["ReadOnlyMany"] } });
    expect(decide(other).plan.map(({ kind }) => kind)).toContain("Remove");
  });

  it.each<{ what: string; wanted: object; live: object }>([
    { what: "an empty name of a volume", wanted: { volumeName: "" }, live: {} },
    { what: "an empty name of the volume that it has", wanted: { volumeName: "" }, live: { volumeName: "pv" } },
    { what: "an empty part of a selector", wanted: { selector: { matchLabels: {} } }, live: { selector: {} } },
  ])("is left alone with $what, which the API server does not store", ({ wanted, live }) => {
    const patch = { pvc: { spec: wanted } };
    const options = { ...claim, patches: [mergePatch(patch)] };
    const stored = (world: Observed): Observed =>
      withChild(
        world,
        "PersistentVolumeClaim",
        ({ spec: { volumeName: _name, selector: _selector, ...spec } = {}, ...child }) => ({
          ...child,
          spec: { ...spec, ...live },
        }),
      );
    const world = stored(running(options));
    const labelled = { ...options, metadata: { labels: { course: "7" } } };
    for (const each of [world, "volumeName" in live ? bind(world) : world]) {
      const { plan, facts } = decide(change(each, labelled));
      expect(plan.map(({ kind }) => kind)).not.toContain("Remove");
      expect(facts.problems).toEqual([]);
      expect(decide(stored(carryOut(change(each, labelled), plan))).plan).toEqual([]);
    }
  });

  it("asks for no class at all only where it names or selects a volume", () => {
    const classOf = (pvc: object): unknown =>
      running({ pvc: { enabled: true, storageClassName: "", ...pvc } }).children.find(
        ({ kind }) => kind === "PersistentVolumeClaim",
      )?.spec?.["storageClassName"];
    expect([classOf({}), classOf({ volumeName: "v" }), classOf({ selector: {} })]).toEqual([undefined, "", ""]);
  });

  it.each([
    { what: "class", pvc: { storageClassName: "wrong" } },
    { what: "volume", pvc: { volumeName: "wrong", storageClassName: "" } },
    { what: "selector", pvc: { selector: { matchLabels: { a: "b" } } } },
  ])("is recreated when the $what that it waits for is no longer requested", ({ pvc }) => {
    const corrected = change(running({ pvc: { enabled: true, ...pvc } }), claim);
    const [apply] = decide(corrected).plan;
    const desiredHash = apply?.kind === "Apply" ? apply.desiredHash : "";
    const refusal = { childKey: "pvc", kind: "PersistentVolumeClaim", code: 422, message: "immutable", desiredHash };
    // A merge patch, tried after the apply, leaves the hash of what was refused.
    const marked = withChild(corrected, "PersistentVolumeClaim", ({ metadata, ...child }) => ({
      ...child,
      metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATIONS.desiredHash]: desiredHash } },
    }));
    for (const refused of [corrected, marked]) {
      expect(sentences(decide({ ...refused, failures: [refusal] }))[0]).toBe(
        "Remove PersistentVolumeClaim: it cannot be changed, and was never bound",
      );
    }
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

describe("a claim that is retained", () => {
  const settings = someSettings({ selectorLabels: { "app.kubernetes.io/instance": "amalthea" } });
  const argo = { metadata: { labels: { "argocd.argoproj.io/instance": "team", course: "7" } } };

  it("carries no label by which a tool would take it for its own, also when it was made with its server as owner", () => {
    const owned = anObserved({ server: aServer({ ...argo, pvc: { enabled: true } }) });
    const world = carryOut(owned, decide(owned, settings).plan);
    const retained = { ...world, server: aServer({ ...argo, pvc: { enabled: true, retentionPolicy: "Retain" } }) };
    const after = carryOut(retained, decide(retained, settings).plan);
    const labels = after.children.find(({ kind }) => kind === "PersistentVolumeClaim")?.metadata.labels ?? {};
    expect(Object.keys(labels)).toEqual(expect.arrayContaining(["course", "amalthea.dev/parent-uid"]));
    expect(Object.keys(labels).filter((name) => name.endsWith("/instance"))).toEqual([]);
    expect(decide(after, settings).plan).toEqual([]);
  });
});
