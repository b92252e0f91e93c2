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
  },
};

const statefulSet = { apiVersion: "apps/v1", kind: "StatefulSet" };
const service = { apiVersion: "v1", kind: "Service" };
const networkPolicy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" };

function envFrom(valueFrom: object): object {
  const container = { name: "a", env: [{ name: "A", valueFrom }] };
  return { ...statefulSet, spec: { template: { spec: { containers: [container] } } } };
}

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
    { desired: "another number of replicas", value: { replicas: 0 }, at: "spec.replicas" },
    { desired: "a value where an object is", value: { template: "x" }, at: "spec.template" },
    { desired: "null", value: { template: null }, at: undefined },
  ])("finds $at for $desired", ({ value, at }) => {
    expect(firstDifference({ ...statefulSet, spec: value }, { ...statefulSet, ...live })).toBe(at);
  });

  it.each([
    {
      case: "a selector that somebody added to",
      desired: { ...service, spec: { selector: { app: "a" } } },
      seen: { ...service, spec: { selector: { app: "a", tier: "web" } } },
      at: "spec.selector.tier",
    },
    {
      case: "a label that somebody added",
      desired: { ...service, metadata: { labels: { app: "a" } } },
      seen: { ...service, metadata: { labels: { app: "a", team: "b" } } },
      at: undefined,
    },
    {
      case: "a port without its protocol",
      desired: { ...service, spec: { ports: [{ port: 80 }] } },
      seen: { ...service, spec: { ports: [{ port: 80, protocol: "TCP", nodePort: 30_000 }] } },
      at: undefined,
    },
    {
      case: "a second port that somebody added to a Service",
      desired: { ...service, spec: { ports: [{ port: 80 }] } },
      seen: { ...service, spec: { ports: [{ port: 81 }, { port: 80 }] } },
      at: undefined,
    },
    {
      case: "an empty pod selector that somebody narrowed",
      desired: { ...networkPolicy, spec: { podSelector: {} } },
      seen: { ...networkPolicy, spec: { podSelector: { matchLabels: { tier: "web" } } } },
      at: "spec.podSelector.matchLabels",
    },
    {
      case: "a peer that somebody widened, inside a list that is replaced as a whole",
      desired: { ...networkPolicy, spec: { ingress: [{ from: [{ podSelector: {} }] }] } },
      seen: {
        ...networkPolicy,
        spec: { ingress: [{ from: [{ podSelector: {}, namespaceSelector: {} }] }] },
      },
      at: "spec.ingress.0.from.0.namespaceSelector",
    },
    {
      case: "a rule that somebody restricted, inside a list that is replaced as a whole",
      desired: { ...networkPolicy, spec: { ingress: [{ ports: [{ port: 8888 }] }] } },
      seen: {
        ...networkPolicy,
        spec: {
          ingress: [{ ports: [{ port: 8888, protocol: "TCP" }], from: [{ podSelector: { matchLabels: { a: "b" } } }] }],
        },
      },
      at: "spec.ingress.0.from",
    },
    {
      case: "arguments that somebody added to",
      desired: { ...statefulSet, spec: { template: { spec: { containers: [{ name: "a", args: ["x"] }] } } } },
      seen: { ...statefulSet, spec: { template: { spec: { containers: [{ name: "a", args: ["x", "y"] }] } } } },
      at: "spec.template.spec.containers.a.args",
    },
    {
      case: "a reference to a field, with the version that the API server fills in",
      desired: envFrom({ fieldRef: { fieldPath: "metadata.name" } }),
      seen: envFrom({ fieldRef: { fieldPath: "metadata.name", apiVersion: "v1" } }),
      at: undefined,
    },
    {
      case: "an unknown kind with more in it",
      desired: { apiVersion: "batch/v1", kind: "Job", spec: { list: [{ a: 1 }] } },
      seen: { apiVersion: "batch/v1", kind: "Job", spec: { list: [{ a: 1, b: 2 }], more: true } },
      at: undefined,
    },
  ])("finds $at for $case", ({ desired, seen, at }) => {
    expect(firstDifference(desired, seen)).toBe(at);
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
