import { describe, expect, it } from "vitest";
import { differences, type ServerSpec } from "./end-state.ts";

const asleep: ServerSpec = { team: "blue", hibernated: true, image: "image:2" };

function aServer(status: object = {}): object {
  return { metadata: { name: "a", generation: 2 }, status: { state: "hibernated", observedGeneration: 2, ...status } };
}

function aStatefulSet({ team = "blue", replicas = 0, image = "image:2" } = {}): object {
  const metadata = { name: "a", labels: { team }, ownerReferences: [] };
  return { metadata, spec: { replicas, template: { spec: { containers: [{ name: "jupyter-server", image }] } } } };
}

describe("differences", () => {
  it.each([
    { circumstance: "all is as the spec says", found: [] },
    {
      circumstance: "the server runs",
      server: aServer({ state: "running" }),
      found: ["server a is running instead of hibernated"],
    },
    {
      circumstance: "the last change is not seen",
      server: aServer({ observedGeneration: 1 }),
      found: ["server a is not seen in its last generation"],
    },
    {
      circumstance: "the label is old",
      child: aStatefulSet({ team: "red" }),
      found: ["StatefulSet a has the label red instead of blue"],
    },
    {
      circumstance: "the pod stays",
      child: aStatefulSet({ replicas: 1 }),
      found: ["StatefulSet a has 1 replicas instead of 0"],
    },
    {
      circumstance: "the image is old",
      child: aStatefulSet({ image: "image:1" }),
      found: ["StatefulSet a has the image image:1 instead of image:2"],
    },
  ])("when $circumstance: $found", ({ server = aServer(), child = aStatefulSet(), found }) => {
    expect(differences(new Map([["a", asleep]]), [server], new Map([["StatefulSet", [child]]]))).toEqual(found);
  });

  it("names what is missing", () => {
    const found = differences(new Map([["a", asleep]]), [], new Map([["Service", []]]));
    expect(found).toEqual(["server a is undefined instead of hibernated", "Service a is missing"]);
  });

  it("names what should be gone", () => {
    const found = differences(new Map(), [aServer()], new Map([["StatefulSet", [aStatefulSet()]]]));
    expect(found).toEqual(["server a is still there", "StatefulSet a is left over"]);
  });
});
