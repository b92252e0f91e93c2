import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyOf } from "../values/json.ts";
import { firstDifference } from "./difference.ts";

const container = { name: "jupyter-server", image: "a", resources: { limits: { memory: "1024Mi", cpu: 0.5 } } };
const live = {
  spec: {
    replicas: 1,
    automountServiceAccountToken: false,
    template: {
      spec: {
        containers: [
          { name: "mesh", image: "m" },
          {
            name: "jupyter-server",
            image: "a",
            resources: { limits: { cpu: "500m", memory: "1Gi" } },
            env: [{ name: "A" }],
          },
        ],
      },
    },
    ports: [{ name: "http", port: 80, protocol: "TCP", nodePort: 30000 }],
    rules: ["a", "b"],
  },
};

describe("firstDifference", () => {
  it.each([
    { desired: "a container among others", value: { template: { spec: { containers: [container] } } }, at: undefined },
    {
      desired: "another image",
      value: { template: { spec: { containers: [{ ...container, image: "b" }] } } },
      at: "spec.template.spec.containers.jupyter-server.image",
    },
    {
      desired: "a container that is missing",
      value: { template: { spec: { containers: [{ name: "new" }] } } },
      at: "spec.template.spec.containers.new",
    },
    {
      desired: "an empty list that is not stored",
      value: { template: { spec: { initContainers: [] } } },
      at: undefined,
    },
    {
      desired: "an empty value that is not stored",
      value: { template: { spec: { containers: [{ name: "jupyter-server", env: [{ name: "A", value: "" }] }] } } },
      at: undefined,
    },
    { desired: "a port without its protocol", value: { ports: [{ port: 80 }] }, at: undefined },
    { desired: "another number of replicas", value: { replicas: 0 }, at: "spec.replicas" },
    { desired: "a list that is replaced as a whole", value: { rules: ["a"] }, at: "spec.rules" },
    { desired: "the same list", value: { rules: ["a", "b"] }, at: undefined },
    { desired: "a value where an object is", value: { template: "x" }, at: "spec.template" },
    { desired: "null", value: { template: null }, at: undefined },
  ])("finds $at for $desired", ({ value, at }) => {
    expect(firstDifference({ spec: value }, live)).toBe(at);
  });

  it("misses a false that means something else than absence", () => {
    expect(firstDifference({ automountServiceAccountToken: false }, {})).toBe("automountServiceAccountToken");
    expect(firstDifference({ hostNetwork: false }, {})).toBeUndefined();
  });

  it("finds nothing between an object and itself with more in it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.jsonValue(), (desired, key, value) => {
        const clean = copyOf(desired);
        expect(firstDifference(clean, { [`${key}!`]: value, ...clean })).toBeUndefined();
      }),
    );
  });
});
