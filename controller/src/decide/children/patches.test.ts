import { describe, expect, it } from "vitest";
import type { Patch } from "@amalthea/api";
import { desiredChildren, type Desired } from "./desired.ts";
import { aServer, someSettings } from "../testing/builders.ts";
import { routeOf } from "@amalthea/api";

function render(...patches: readonly Patch[]): Desired {
  const server = aServer({ patches });
  return desiredChildren(server, someSettings(), { wanted: routeOf(server), served: undefined, kept: undefined });
}

const json = (...patch: readonly unknown[]): Patch => ({ type: "application/json-patch+json", patch });
const merge = (patch: unknown): Patch => ({ type: "application/merge-patch+json", patch });

describe("patches", () => {
  it.each([
    {
      patch: json({ op: "replace", path: "/service/spec/nothing", value: 1 }),
      at: "/service/spec/nothing",
      because: "does not exist",
    },
    { patch: json({ op: "test", path: "/service/kind", value: "Pod" }), at: "/service/kind", because: "test failed" },
    { patch: json({ op: "increase", path: "/service/kind" }), at: "/service/kind", because: "unknown" },
    { patch: json({ op: "add", path: "", value: {} }), at: "", because: "as a whole" },
    { patch: json("add"), at: "", because: "must be an object" },
    { patch: merge([]), at: "", because: "must be an object" },
    { patch: { patch: {} }, at: "", because: "no type" },
  ])("that fail name the patch, $at and that it is $because", ({ patch, at, because }) => {
    const desired = render(merge({}), patch);
    expect(desired.kind).toBe("Unrenderable");
    expect(desired.problems).toEqual([
      { kind: "PatchFailed", patchIndex: 1, path: at, reason: expect.stringContaining(because) as string },
    ]);
  });

  it.each([
    { change: "the name", patch: merge({ service: { metadata: { name: "other" } } }), because: "its name" },
    {
      change: "the namespace",
      patch: merge({ service: { metadata: { namespace: "other" } } }),
      because: "its namespace",
    },
    {
      change: "the way it gets its name",
      patch: merge({ service: { metadata: { generateName: "x-" } } }),
      because: "a name instead of generateName",
    },
    { change: "the owner", patch: merge({ service: { metadata: { ownerReferences: [] } } }), because: "its owner" },
    {
      change: "a label of ours",
      patch: merge({ service: { metadata: { labels: { "amalthea.dev/child-key": "x" } } } }),
      because: "is set by the controller",
    },
    {
      change: "the kind",
      patch: merge({ service: { kind: "ConfigMap", apiVersion: "v1" } }),
      because: "apiVersion and kind",
    },
    { change: "the version", patch: merge({ service: { apiVersion: "v2" } }), because: "apiVersion and kind" },
    { change: "all of it", patch: merge({ service: 5 }), because: "no manifest" },
  ])("cannot change $change of a child, and the other children are made", ({ patch, because }) => {
    const desired = render(patch);
    expect(desired.problems).toEqual([
      { kind: "ChildInvalid", childKey: "service", reason: expect.stringContaining(because) as string },
    ]);
    const keys = desired.kind === "Rendered" ? desired.children.map(({ childKey }) => childKey) : [];
    expect(keys).toContain("statefulset");
    expect(keys).not.toContain("service");
  });

  it("cannot add an Ingress of hundreds of paths, and the server's own is made", () => {
    const paths = Array.from({ length: 200 }, (_, at) => ({ path: `/more/${at}`, pathType: "Prefix" }));
    const spec = { rules: [{ host: "hub.example.org", http: { paths } }] };
    const desired = render(merge({ more: { apiVersion: "networking.k8s.io/v1", kind: "Ingress", spec } }));
    const reason = "a server may have 200 paths in Ingresses and hosts of certificates together";
    expect(desired.problems).toEqual([{ kind: "ChildInvalid", childKey: "more", reason }]);
    const keys = desired.kind === "Rendered" ? desired.children.map(({ childKey }) => childKey) : [];
    expect(keys).toContain("ingress");
  });

  it.each([
    ["dropped", merge({ statefulset: null })],
    ["given another pod label", merge({ statefulset: { spec: { template: { metadata: { labels: { app: "x" } } } } } })],
  ])("make nothing when the StatefulSet is %s", (_change, patch) => {
    expect(render(patch)).toMatchObject({
      kind: "Unrenderable",
      problems: [{ kind: "ChildInvalid", childKey: "statefulset" }],
    });
  });

  it("add a child in the version in which it is watched, and in no other", () => {
    const extra = { apiVersion: "networking.k8s.io/v1beta1", kind: "Ingress", metadata: { name: "extra" } };
    expect(render(merge({ extra })).problems).toEqual([
      { kind: "ChildInvalid", childKey: "extra", reason: "its apiVersion must be networking.k8s.io/v1" },
    ]);
  });

  describe("for a server with a login", () => {
    const CONTAINERS = "/statefulset/spec/template/spec/containers";
    const oidc = {
      ...{ enabled: true, issuerUrl: "https://login.example.org", clientId: "jupyter", clientSecret: { value: "s" } },
      authorizedEmails: ["alice@example.org"],
    };

    function renderWithLogin(operation: object): Desired {
      const server = aServer({ oidc, routing: { tls: { enabled: true } }, patches: [json(operation)] });
      return desiredChildren(server, someSettings(), { wanted: routeOf(server), served: undefined, kept: undefined });
    }

    it.each([
      { op: "replace", path: `${CONTAINERS}/0/startupProbe/failureThreshold`, value: 600 },
      { op: "add", path: `${CONTAINERS}/0/readinessProbe/timeoutSeconds`, value: 5 },
      { op: "remove", path: `${CONTAINERS}/0/livenessProbe` },
      { op: "replace", path: `${CONTAINERS}/1/readinessProbe/periodSeconds`, value: 10 },
      // The kubelet would get no response, and kill Jupyter again and again.
      { op: "add", path: `${CONTAINERS}/0/livenessProbe`, value: { httpGet: { path: "/api", port: 8888 } } },
    ])("change no probe that 0.24 had there, and the children are made: $op $path", (operation) => {
      const desired = renderWithLogin(operation);
      const reason = "with a login this container has no such probe";
      expect(desired.problems).toEqual([]);
      expect(desired.warnings).toContainEqual({ kind: "PatchSkipped", patchIndex: 0, path: operation.path, reason });
      expect(desired.kind).toBe("Rendered");
    });

    it.each([
      { op: "replace", path: `${CONTAINERS}/1/livenessProbe/failureThreshold`, value: 20 },
      { op: "add", path: `${CONTAINERS}/0/livenessProbe`, value: { exec: { command: ["true"] } } },
    ])("change the probe that is there, or add one that works: $op $path", (operation) => {
      expect(renderWithLogin(operation)).toMatchObject({ kind: "Rendered", problems: [], warnings: [] });
    });
  });

  it("set keys of the Secret instead of drawing them", () => {
    const desired = render(json({ op: "replace", path: "/secret/data/jupyterServerAppToken", value: "dA==" }));
    const [secret] = desired.kind === "Rendered" ? desired.secrets : [];
    expect(secret?.generated.map(({ key }) => key)).toEqual(["jupyterServerCookieSecret"]);
    expect(secret?.manifest["data"]).toEqual({ jupyterServerAppToken: "dA==" });
  });
});
