import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";
import { effectiveServer, withReadableStatus } from "./effective-server.ts";
import { NOW, aServer as aStoredServer, anObserved, someSettings, type ServerOptions } from "./testing/builders.ts";

function aServer(status: unknown): JupyterServer {
  return { metadata: { name: "alice" }, status } as unknown as JupyterServer; // what 0.24's CRD accepted
}

const condition = { type: "Ready", status: "True", reason: "PodReady", message: "m", lastTransitionTime: "t" };

const good = {
  state: "running",
  url: "http://hub.example.org/a",
  observedGeneration: 1,
  conditions: [condition],
  create_fn: { fullServerURL: "u", createdResources: {} },
  children: { secret: { uid: "u", name: "alice", kind: "Secret", apiVersion: "v1" } },
  mainPod: { uid: "u" },
  containerStates: { init: {}, regular: { "jupyter-server": "ready" } },
  startingSince: "2026-01-01T00:00:00+00:00",
};

describe("withReadableStatus", () => {
  it.each([{ status: good }, { status: undefined }, { status: {} }, { status: { kopf: { progress: {} } } }])(
    "returns the very server when its status is %j",
    ({ status }) => {
      const server = aServer(status);
      expect(withReadableStatus(server)).toBe(server);
    },
  );

  it.each([
    { field: "state", value: 1 },
    { field: "conditions", value: "none" },
    { field: "conditions", value: [null] },
    { field: "conditions", value: [{ ...condition, message: 1 }] },
    { field: "children", value: null },
    { field: "children", value: { secret: null } },
    { field: "mainPod", value: [] },
    { field: "create_fn", value: "done" },
    { field: "containerStates", value: { init: null, regular: {} } },
    { field: "startingSince", value: null },
    { field: "observedGeneration", value: "1" },
  ])("leaves out $field when it is $value", ({ field, value }) => {
    const { [field as keyof typeof good]: _unreadable, ...rest } = good;
    expect(withReadableStatus(aServer({ ...good, [field]: value })).status).toEqual(rest);
  });

  it.each(["constructor", "isPrototypeOf", "__defineGetter__"])("keeps a field that is named %s", (field) => {
    const server = aServer({ [field]: "x" });
    expect(withReadableStatus(server)).toBe(server);
  });

  it.each([null, "running", []])("leaves out a status that is %j", (status) => {
    expect(withReadableStatus(aServer(status))).toEqual({ metadata: { name: "alice" } });
  });
});

describe("where TLS is terminated in front of the cluster", () => {
  const settings = { ...someSettings(), externalTls: true };
  const oidc = {
    enabled: true,
    issuerUrl: "https://id.example.org",
    clientId: "jupyter",
    clientSecret: { value: "s" },
    allowAnyUser: true,
  };
  /** As clients of 0.24 write it, which do not know `externalUrl`. */
  const login: ServerOptions = { oidc, routing: { host: "hub.example.org", path: "/alice" } };

  it("a login server of a client that knows nothing of it starts, at its https address", () => {
    const observed = anObserved({ server: aStoredServer(login) });
    const stalled = (decision: ReturnType<typeof decide>): unknown =>
      decision.status.conditions?.find(({ type }) => type === "Stalled")?.reason;
    expect(stalled(decide(observed, someSettings(), NOW))).toBe("InvalidSpec");
    const decision = decide(observed, settings, NOW);
    expect(stalled(decision)).toBeUndefined();
    expect(decision.plan.map(({ childKey }) => childKey)).toContain("statefulset");
    expect(decision.status.url).toBe("https://hub.example.org/alice");
  });

  it("an address that is given stays as it is", () => {
    const externalUrl = "https://lab.example.org:8443";
    const server = aStoredServer({ routing: { externalUrl } });
    expect(effectiveServer(server, settings)).toBe(server);
  });

  it("a server whose Ingress terminates TLS, or that has no host, stays as it is", () => {
    for (const routing of [{ tls: { enabled: true } }, { host: "" }]) {
      const server = aStoredServer({ routing });
      expect(effectiveServer(server, settings)).toBe(server);
    }
  });
});
