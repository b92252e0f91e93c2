import { describe, expect, it } from "vitest";
import { change, decide, running } from "./simulated-world.ts";

const large = { resources: { requests: { memory: "1Gi" } } };
const larger = { resources: { requests: { memory: "2Gi" } } };

describe("a server with resources", () => {
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
