import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { JupyterServer, Patch } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import type { Action } from "../decision.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import type { DecisionSettings } from "../settings.ts";
import { anObserved, someSettings, somePolicy } from "../testing/builders.ts";
import { carryOut, change, decide, running, sentences, withChild } from "../testing/simulated-world.ts";
import { listOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";

const POD = ["spec", "template", "spec"] as const;

function patches(token: string): readonly Patch[] {
  const sidecar = {
    name: "git",
    image: "example.org/git:1",
    env: [{ name: "TOKEN", value: token }],
    ports: [{ containerPort: 4000 }],
    securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false },
  };
  const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "extra" }, data: { user: "alice" } };
  const operations = [
    { op: "add", path: "/statefulset/spec/template/spec/containers/-", value: sidecar },
    { op: "add", path: "/extra", value: config },
  ];
  return [{ type: "application/json-patch+json", patch: operations }];
}

/** A StatefulSet with one of its containers changed. */
function withContainer(name: string, fields: object): (child: LiveChild) => LiveChild {
  return (child) => {
    const edit = (list: unknown): unknown[] =>
      listOf(list).map((one) => (valueAt(one, "name") === name ? { ...objectOf(one), ...fields } : one));
    const spec = objectOf(valueAt(child, ...POD));
    return withPodSpec({
      containers: edit(spec["containers"]),
      ...("initContainers" in spec ? { initContainers: edit(spec["initContainers"]) } : {}),
    })(child);
  };
}

function withPodSpec(fields: object): (child: LiveChild) => LiveChild {
  return (child) => {
    const template = objectOf(valueAt(child, "spec", "template"));
    return {
      ...child,
      spec: { ...child.spec, template: { ...template, spec: { ...objectOf(template["spec"]), ...fields } } },
    };
  };
}

function statefulSetIn(actions: readonly Action[]): unknown {
  const found = actions.find((action) => action.kind === "Apply" && action.childKey === "statefulset");
  return found?.kind === "Apply" ? found.manifest : undefined;
}

function containerOf(statefulSet: unknown, name: string): JsonObject {
  const { containers, initContainers } = objectOf(valueAt(statefulSet, ...POD));
  const found = [...listOf(containers), ...listOf(initContainers)].find((one) => valueAt(one, "name") === name);
  return { ...objectOf(found) };
}

const fresh = { env: [{ name: "TOKEN", value: "fresh" }] };
const server = { patches: patches("stale") };

describe("a field of a container that a patch added, written by somebody else", () => {
  const world = withChild(running(server), "StatefulSet", withContainer("git", fresh));

  it("stays, and the facts name it", () => {
    const { plan, facts } = decide(world);
    expect(plan).toEqual([]);
    expect(facts.warnings).toContainEqual({
      ...{ kind: "ChangedByOthers", childKey: "statefulset" },
      fields: ["spec.template.spec.containers[git].env"],
    });
  });

  it("stays when something else of the server changes", () => {
    const { plan } = decide(change(world, { ...server, jupyterServer: { image: "other:v2" } }));
    expect(containerOf(statefulSetIn(plan), "git")).toMatchObject(fresh);
  });

  it("is part of an apply only of the version in which it was seen", () => {
    const { plan } = decide(change(world, { ...server, jupyterServer: { image: "other:v2" } }));
    const { resourceVersion } = world.children.find(({ kind }) => kind === "StatefulSet")?.metadata ?? {};
    expect(plan).toContainEqual(expect.objectContaining({ kind: "Apply", childKey: "statefulset", resourceVersion }));
  });

  it("goes when the patch changes", () => {
    const { plan, facts } = decide(change(world, { patches: patches("newer") }));
    expect(containerOf(statefulSetIn(plan), "git")).toMatchObject({ env: [{ name: "TOKEN", value: "newer" }] });
    expect(facts.warnings).toEqual([]);
  });

  it.each([
    {
      what: "one more variable",
      fields: {
        env: [
          { name: "TOKEN", value: "stale" },
          { name: "MORE", value: "1" },
        ],
      },
    },
    { what: "no variables at all", fields: { env: undefined } },
    { what: "arguments that the patch does not have", fields: { args: ["--verbose"] } },
    { what: "another image", fields: { image: "example.org/git:2" } },
  ])("stays: $what", ({ fields }) => {
    const other = withChild(running(server), "StatefulSet", withContainer("git", fields));
    expect(decide(other).plan).toEqual([]);
    const { plan } = decide(change(other, { ...server, jupyterServer: { image: "other:v2" } }));
    const applied = containerOf(statefulSetIn(plan), "git");
    for (const [field, value] of Object.entries(fields)) expect(applied[field]).toEqual(value);
  });

  it("does not hide what the API server fills in", () => {
    const defaults = { imagePullPolicy: "IfNotPresent", terminationMessagePath: "/dev/termination-log", resources: {} };
    const { plan, facts } = decide(withChild(running(server), "StatefulSet", withContainer("git", defaults)));
    expect([plan, facts.warnings]).toEqual([[], []]);
  });
});

describe("the priority class and data of an added ConfigMap, written by somebody else", () => {
  it.each([
    { kind: "StatefulSet", edit: withPodSpec({ priorityClassName: "high" }) },
    {
      kind: "ConfigMap",
      edit: (child: LiveChild) => ("user" in (child.data ?? {}) ? { ...child, data: { user: "bob" } } : child),
    },
  ])("stay in the $kind", ({ kind, edit }) => {
    const { plan, facts } = decide(withChild(running(server), kind, edit));
    expect(plan).toEqual([]);
    expect(facts.warnings.map((warning) => warning.kind)).toEqual(["ChangedByOthers"]);
  });

  it("are restored if they are gone from the ConfigMap", () => {
    const world = withChild(running(server), "ConfigMap", (child) =>
      "user" in (child.data ?? {}) ? { ...child, data: {} } : child,
    );
    expect(sentences(decide(world))).toEqual(["Apply extra: somebody changed data.user"]);
  });
});

describe("everything else that somebody writes", () => {
  const labels = { app: "other" };
  it.each<{ what: string; kind: string; edit: (child: LiveChild) => LiveChild }>([
    { what: "our container", kind: "StatefulSet", edit: withContainer("jupyter-server", { image: "evil:1" }) },
    {
      what: "the security of an added one",
      kind: "StatefulSet",
      edit: withContainer("git", { securityContext: { runAsUser: 0 } }),
    },
    { what: "the ports of an added one", kind: "StatefulSet", edit: withContainer("git", { ports: [] }) },
    { what: "the user of the pod", kind: "StatefulSet", edit: withPodSpec({ securityContext: { fsGroup: 0 } }) },
    { what: "no container of the patch", kind: "StatefulSet", edit: withPodSpec({ containers: [] }) },
    { what: "selector", kind: "Service", edit: (child) => ({ ...child, spec: { ...child.spec, selector: labels } }) },
    { what: "rules", kind: "Ingress", edit: (child) => ({ ...child, spec: { ...child.spec, rules: [] } }) },
    {
      what: "who may reach the pod",
      kind: "NetworkPolicy",
      edit: (child) => ({ ...child, spec: { ...child.spec, podSelector: {} } }),
    },
  ])("is reverted: $what", ({ kind, edit }) => {
    const { plan, facts } = decide(withChild(running(server), kind, edit));
    expect(plan.map((action) => [action.kind, action.target.kind])).toEqual([["Apply", kind]]);
    expect(facts.warnings).toEqual([]);
  });

  it("is reverted: an image that the policy does not allow", () => {
    const settings: DecisionSettings = someSettings({
      policy: somePolicy({ images: ["example.org/git:1", "jupyter/**"] }),
    });
    const world = withChild(running(server), "StatefulSet", withContainer("git", { image: "evil.example.org/git:1" }));
    const { plan } = decide(world, settings);
    expect(containerOf(statefulSetIn(plan), "git")).toMatchObject({ image: "example.org/git:1" });
  });
});

/** A server with an init container by patch, `prepare`, hibernated by 0.24, with what a client wrote just before it resumes it. */
function resumed(edit: (child: LiveChild) => LiveChild): Observed {
  const path = fileURLToPath(new URL("../../../../test/fixtures/0.24/oidc-patched.json", import.meta.url));
  const { items } = JSON.parse(readFileSync(path, "utf8")) as { items: readonly LiveChild[] };
  const children = items.filter(({ kind }) => !["JupyterServer", "Pod", "Secret"].includes(kind));
  const asleep = children.map((child) =>
    child.kind === "StatefulSet" ? edit({ ...child, spec: { ...child.spec, replicas: 0 } }) : child,
  );
  const left = items.find(({ kind }) => kind === "JupyterServer") as unknown as JupyterServer;
  return anObserved({ server: left, children: asleep });
}

/** What is written on the way from the legacy layout into the new one, by the reconcile. */
function migration(start: Observed): { readonly world: Observed; readonly plans: readonly (readonly Action[])[] } {
  const plans: (readonly Action[])[] = [];
  let world = start;
  for (let plan = decide(world).plan; plan.length > 0 && plans.length < 9; plan = decide(world).plan) {
    plans.push(plan);
    world = carryOut(world, plan);
  }
  return { world, plans };
}

describe("a legacy server (0.24) that is resumed after a client wrote to its StatefulSet", () => {
  const written = (child: LiveChild): LiveChild =>
    withPodSpec({ priorityClassName: "high" })(
      withContainer("prepare", { env: [{ name: "TOKEN", value: "fresh" }] })(child),
    );

  it("has the values in the new StatefulSet, and no trace of them on the server", () => {
    const { world } = migration(resumed(written));
    const statefulSet = world.children.find(({ kind }) => kind === "StatefulSet");
    expect(statefulSet?.metadata.annotations).toHaveProperty(["amalthea.dev/desired-hash"]);
    expect(containerOf(statefulSet, "prepare")).toMatchObject({ env: [{ name: "TOKEN", value: "fresh" }] });
    expect(valueAt(statefulSet, ...POD, "priorityClassName")).toBe("high");
    expect(JSON.stringify(world.server.metadata)).not.toContain("fresh");
    expect(decide(world).facts.warnings).toContainEqual(expect.objectContaining({ kind: "ChangedByOthers" }));
  });

  it("notes them before anything is removed", () => {
    const [first = []] = migration(resumed(written)).plans;
    const note = first.findIndex(
      (action) => action.kind === "PatchMetadata" && JSON.stringify(action).includes("fresh"),
    );
    const removal = first.findIndex(({ kind }) => kind === "Remove");
    expect(note).toBeGreaterThanOrEqual(0);
    expect(removal).toBeGreaterThan(note);
  });

  it("notes nothing if nobody wrote anything", () => {
    const { plans, world } = migration(resumed((child) => child));
    expect(JSON.stringify(plans)).not.toContain("carried-values");
    expect(decide(world).facts.warnings.map(({ kind }) => kind)).not.toContain("ChangedByOthers");
  });

  it("has the values of its patches if they changed since the takeover", () => {
    const start = resumed(written);
    const marks = decide({ ...start, server: hibernated(start.server, true) }).plan;
    const taken = carryOut({ ...start, server: hibernated(start.server, true) }, marks);
    const changed = {
      ...taken,
      server: hibernated(
        {
          ...taken.server,
          spec: { ...taken.server.spec, patches: [...taken.server.spec.patches, ...patches("newer")] },
        },
        false,
      ),
    };
    const statefulSet = migration(changed).world.children.find(({ kind }) => kind === "StatefulSet");
    expect(containerOf(statefulSet, "prepare")).not.toHaveProperty("env");
    expect(containerOf(statefulSet, "git")).toMatchObject({ env: [{ name: "TOKEN", value: "newer" }] });
  });

  it("takes from a record that somebody forged only what gives way", () => {
    const { world } = migration(resumed(written));
    const statefulSet = world.children.find(({ kind }) => kind === "StatefulSet");
    const values = [
      { path: ["initContainers", "prepare", "securityContext"], value: { privileged: true } },
      { path: ["containers", "jupyter-server", "image"], value: "evil" },
      { path: ["hostPID"], value: true },
      { path: ["initContainers", "prepare", "args"], value: ["kept"] },
      ...[null, 1, {}, { path: "x" }],
    ];
    const patchedHash = statefulSet?.metadata.annotations?.["amalthea.dev/patched-hash"];
    const annotations = {
      ...world.server.metadata.annotations,
      "amalthea.dev/carried-values": JSON.stringify({ patchedHash, values }),
    };
    const metadata = { ...world.server.metadata, annotations };
    const without = {
      ...world,
      server: { ...world.server, metadata },
      children: world.children.filter((child) => child !== statefulSet),
    };
    const made = statefulSetIn(decide(without).plan);
    expect(containerOf(made, "prepare")).toMatchObject({ args: ["kept"] });
    expect(JSON.stringify(made)).not.toMatch(/evil|privileged":true|hostPID/);
  });
});

function hibernated(legacy: JupyterServer, isHibernated: boolean): JupyterServer {
  const { spec } = legacy;
  return { ...legacy, spec: { ...spec, jupyterServer: { ...spec.jupyterServer, hibernated: isHibernated } } };
}
