import type { Patch } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { carryOut, change, decide, restartedAt, running, subject } from "../testing/simulated-world.ts";
import { anObserved, aServer, someSettings } from "../testing/builders.ts";

describe("a server with a Secret that nobody watches", () => {
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

  describe("whose patch is broken when it is resumed", () => {
    const broken = [{ type: "application/json-patch+json", patch: [{ op: "remove", path: "/x" }] }] as const;
    const asleep = running({ jupyterServer: { hibernated: true } });
    const status = { children: { secret: { uid: "s", name: "alice", kind: "Secret", apiVersion: "v1" } } };
    const world: Observed = { ...change(asleep, { status, patches: broken }), secret: { kind: "Unknown" } };

    it("gets a Secret that was deleted meanwhile back before its old pod starts, or keeps the one that is there", () => {
      const { plan } = decide(world);
      expect(plan.map(subject)).toEqual(["secret", "StatefulSet"]);
      expect(plan[0]).toMatchObject({ secret: { isOnlyMade: true } });
      expect(decide(carryOut(world, plan)).plan).toEqual([]);
    });

    it("starts no pod with a Secret that belongs to somebody else, and looks again in time", () => {
      const [ensure] = decide(world).plan;
      const desiredHash = ensure?.kind === "EnsureSecret" ? ensure.secret.contentHash : "";
      const failure = { childKey: "secret", kind: "Secret", code: 409, message: "taken", desiredHash };
      expect(decide({ ...world, failures: [failure] }).plan).toEqual([]);
      const again = decide({ ...world, failures: [{ ...failure, mayRetry: true }] }).plan;
      expect(again.map(({ kind }) => kind)).toEqual(["EnsureSecret"]);
    });
  });

  describe("which a patch adds under the name of one that is there", () => {
    const settings = someSettings({ extraChildKinds: [{ apiVersion: "batch/v1", kind: "Job", plural: "jobs" }] });
    const template = {
      spec: {
        containers: [{ name: "thief", image: "i" }],
        volumes: [{ name: "v", secret: { secretName: "database" } }],
      },
    };
    const add = (path: string, value: object): object => ({ op: "add", path, value });
    const database = { apiVersion: "v1", kind: "Secret", metadata: { name: "database" }, data: {} };
    const patchesWith = (...more: readonly object[]): Patch[] => [
      { type: "application/json-patch+json", patch: [add("/database", database), ...more] },
    ];
    const volume = add("/statefulset/spec/template/spec/volumes/-", { name: "v", secret: { secretName: "database" } });
    const taken = { childKey: "database", kind: "Secret", code: 409, message: "taken" };

    it("is looked at before the template of a running pod names it, so that an eviction does not start one with it", () => {
      const { plan } = decide(change(running(), { patches: patchesWith(volume) }), settings);
      expect(plan.map(subject)).toEqual(["database", "secret", "statefulset"]);
      expect(plan[0]).toMatchObject({ kind: "EnsureSecret", secret: { isOnlyMade: true } });
    });

    it.each([
      { what: "the server's own pod", childKey: "statefulset", by: volume },
      {
        ...{ what: "a StatefulSet", childKey: "more" },
        by: add("/more", { apiVersion: "apps/v1", kind: "StatefulSet", spec: { template } }),
      },
      {
        what: "a Job",
        childKey: "more",
        by: add("/more", { apiVersion: "batch/v1", kind: "Job", spec: { template } }),
      },
    ])("is not mounted by $what, however long that is tried, and looked at again in time", ({ childKey, by }) => {
      const world = change(running(), { patches: patchesWith(by) });
      const ensure = decide(world, settings).plan.find((action) => action.kind === "EnsureSecret");
      const failure = { ...taken, desiredHash: ensure?.secret.contentHash ?? "" };
      expect(decide({ ...world, failures: [failure] }, settings).plan.map(subject)).not.toContain(childKey);
      const again = decide({ ...world, failures: [{ ...failure, mayRetry: true }] }, settings).plan.map(subject);
      expect(again).toContain("database");
      expect(again).not.toContain(childKey);
    });
  });

  it("keeps every value of it out of the other children", () => {
    const token = "very-secret-value";
    const { plan } = decide(anObserved({ server: aServer({ auth: { token } }) }));
    expect(JSON.stringify(plan.filter(({ kind }) => kind !== "EnsureSecret"))).not.toContain(token);
  });
});
