import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { carryOut, change, decide, running, sentences, subject } from "../testing/simulated-world.ts";

type Resources = Readonly<Record<string, unknown>>;

const large = { resources: { requests: { memory: "1Gi" } } };
const larger = { resources: { requests: { memory: "2Gi" } } };

describe("a server with resources", () => {
  it("resizes a running pod in place, and changes the template for the next", () => {
    const decision = decide(change(running({ jupyterServer: large }), { jupyterServer: larger }));
    expect(decision.plan.map(({ kind }) => kind)).toEqual(["Apply", "PatchMetadata", "Resize"]);
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

  describe("got by a resize", () => {
    const limited = { resources: { requests: { memory: "1Gi" }, limits: { memory: "4Gi" } } };
    const asked = change(running({ jupyterServer: large }), { jupyterServer: limited });
    const resized = carryOut(asked, decide(asked).plan);

    function settledAt(first: Resources, second: Resources): Observed {
      const world = change(running({ jupyterServer: { resources: first } }), { jupyterServer: { resources: second } });
      return carryOut(world, decide(world).plan);
    }

    it("are asked for once", () => {
      expect(resized.pod?.spec?.containers[0]?.resources).toEqual(limited.resources);
      expect(decide(resized).plan).toEqual([]);
    });

    it("lets a limit that is taken back wait for the next start, and tells", () => {
      const { plan, facts } = decide(change(resized, { jupyterServer: large }));
      expect(plan.map(subject)).toEqual(["statefulset"]);
      expect(facts.resize).toMatchObject({ kind: "NotPossible", because: expect.stringContaining("limits.memory") });
      expect(facts.pendingFields).toEqual(["jupyterServer.resources"]);
    });

    it("restarts for it once under updatePolicy Restart", () => {
      const back = change(resized, { jupyterServer: large, updatePolicy: "Restart" });
      const withTemplate = carryOut(back, decide(back).plan);
      expect(sentences(decide(withTemplate))).toEqual(["RemovePod Pod: jupyterServer.resources changed"]);
      const next = carryOut(withTemplate, decide(withTemplate).plan);
      expect(next.pod?.spec?.containers[0]?.resources).toEqual(large.resources);
      expect(decide(next)).toMatchObject({ plan: [], facts: { pendingFields: [] } });
    });

    it.each([
      { what: "more than it ever had", from: resized, to: { requests: { memory: "2Gi" }, limits: { memory: "8Gi" } } },
      {
        what: "what it had before",
        from: settledAt({ requests: { memory: "2Gi" } }, { requests: { memory: "1Gi" } }),
        to: { requests: { memory: "2Gi" } },
      },
    ])("lets $what wait, with the reason, when a quota does not admit it", ({ from, to }) => {
      const wanted = change(from, { jupyterServer: { resources: to } });
      const { plan } = decide(wanted);
      const resize = plan.find(({ kind }) => kind === "Resize");
      const desiredHash = resize?.kind === "Resize" ? resize.desiredHash : "";
      const noted = carryOut(
        wanted,
        plan.filter(({ kind }) => kind !== "Resize"),
      );
      const refusal = { childKey: "pod", kind: "Pod", code: 403, message: "exceeded quota: q", desiredHash };
      const { facts } = decide({ ...noted, failures: [refusal] });
      expect(facts.resize).toEqual({ kind: "NotPossible", because: "exceeded quota: q" });
      expect(facts.pendingFields).toEqual(["jupyterServer.resources"]);
    });

    it("leaves a limit alone that a LimitRange put there", () => {
      const world = running({ jupyterServer: large });
      const given = { requests: { memory: "1Gi" }, limits: { memory: "4Gi" } };
      const containers = [{ name: "jupyter-server", resources: given }];
      const limitedByOthers = { ...world, pod: { ...world.pod, spec: { containers } } } as Observed;
      expect(decide(limitedByOthers)).toMatchObject({ plan: [], facts: { pendingFields: [] } });
    });
  });

  it("has them on its own container, also when a patch puts another one first", () => {
    const first = { name: "first", image: "first:v1" };
    const path = "/statefulset/spec/template/spec/containers/0";
    const patches = [{ type: "application/json-patch+json", patch: [{ op: "add", path, value: first }] }] as const;
    const world = change(running({ jupyterServer: large, patches }), { jupyterServer: larger, patches });
    const resize = decide(world).plan.find(({ kind }) => kind === "Resize");
    expect(resize).toMatchObject({ container: "jupyter-server", resources: larger.resources });
    expect(carryOut(world, decide(world).plan).pod?.spec?.containers[0]?.resources).toBeUndefined();
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
