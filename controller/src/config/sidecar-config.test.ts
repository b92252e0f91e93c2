import { describe, expect, it } from "vitest";
import { EnvironmentReader } from "./environment.ts";
import { readSidecarImages, readSidecarOverrides } from "./sidecar-config.ts";

describe("readSidecarImages", () => {
  it.each([
    {},
    { OAUTH2_PROXY_IMAGE: "quay.io/oauth2-proxy/oauth2-proxy:v7.15.6" },
    { OAUTH2_PROXY_IMAGE: "registry.example.org:5000/oauth2-proxy:8.0.0-alpine@sha256:0123" },
    { TRAEFIK_IMAGE: "traefik:v3.8.0" },
    { TRAEFIK_IMAGE: "traefik:v3.7" },
    { TRAEFIK_IMAGE: "traefik:latest" },
    { TRAEFIK_IMAGE: "traefik@sha256:2abc" },
    { TRAEFIK_IMAGE: "registry.example.org:5000/traefik@sha256:0123" },
  ])("takes %j", (env) => {
    const reader = new EnvironmentReader(env);
    expect(readSidecarImages(reader)).toMatchObject({ authorization: expect.stringContaining("amalthea/") });
    expect(reader.problems).toEqual([]);
  });

  it.each([
    { OAUTH2_PROXY_IMAGE: "oauth2-proxy:7.6.0" },
    { OAUTH2_PROXY_IMAGE: "oauth2-proxy:v7.15.5-alpine" },
    { TRAEFIK_IMAGE: "traefik:v2.11" },
    { TRAEFIK_IMAGE: "traefik:v3.7.14@sha256:0123" },
    { TRAEFIK_IMAGE: "traefik:2" },
  ])("refuses %j, which is too old", (env) => {
    const reader = new EnvironmentReader(env);
    readSidecarImages(reader);
    expect(reader.problems).toEqual([expect.stringContaining("or newer")]);
  });
});

describe("readSidecarOverrides", () => {
  it("names the field that is wrong", () => {
    const reader = new EnvironmentReader({ SIDECARS: '{"traefik":{"extraArgs":[1]},"proxy":{"http":"x"}}' });
    readSidecarOverrides(reader);
    expect(reader.problems).toEqual([
      "SIDECARS.traefik.extraArgs[0] must be a string",
      "SIDECARS.proxy.http is unknown",
    ]);
  });

  it("reads resources and arguments by container, and what all have in common", () => {
    const overrides = {
      traefik: { extraArgs: ["--accessLog=true"] },
      authorization: { resources: { limits: {} } },
      securityContext: { runAsUser: 1_000_650_000, runAsGroup: 0 },
      proxy: { httpsProxy: "http://proxy.example.org:3128", noProxy: ".svc" },
    };
    const reader = new EnvironmentReader({ SIDECARS: JSON.stringify(overrides) });
    expect([readSidecarOverrides(reader), reader.problems]).toEqual([overrides, []]);
  });

  it.each([
    "[]",
    '{"nginx":{}}',
    '{"traefik":{"image":"x"}}',
    '{"traefik":{"extraArgs":"x"}}',
    '{"traefik":1}',
    '{"authorization":{"extraArgs":[]}}',
    '{"securityContext":{"runAsUser":0}}',
    '{"securityContext":{"privileged":true}}',
    '{"proxy":{"httpsProxy":"proxy.example.org:3128"}}',
    "x",
  ])("refuses %s", (text) => {
    const reader = new EnvironmentReader({ SIDECARS: text });
    readSidecarOverrides(reader);
    expect(reader.problems).toEqual([expect.stringContaining("SIDECARS")]);
  });
});
