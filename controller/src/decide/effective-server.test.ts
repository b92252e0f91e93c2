import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { effectiveServer } from "./effective-server.ts";

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

describe("effectiveServer", () => {
  it.each([{ status: good }, { status: undefined }, { status: {} }, { status: { kopf: { progress: {} } } }])(
    "returns the very server when its status is %j",
    ({ status }) => {
      const server = aServer(status);
      expect(effectiveServer(server)).toBe(server);
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
    expect(effectiveServer(aServer({ ...good, [field]: value })).status).toEqual(rest);
  });

  it.each([null, "running", []])("leaves out a status that is %j", (status) => {
    expect(effectiveServer(aServer(status))).toEqual({ metadata: { name: "alice" } });
  });
});
