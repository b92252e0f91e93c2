import { describe, expect, it } from "vitest";
import { EnvironmentReader } from "./environment.ts";
import { readServerDefaults } from "./server-defaults.ts";

function read(value: unknown): { readonly defaults: unknown; readonly problems: readonly string[] } {
  const reader = new EnvironmentReader({ SERVER_DEFAULTS: typeof value === "string" ? value : JSON.stringify(value) });
  return { defaults: readServerDefaults(reader), problems: reader.problems };
}

describe("the defaults for all servers", () => {
  it("are what a spec may say", () => {
    const defaults = {
      jupyterServer: {
        image: "registry.example.org/lab:1",
        tolerations: [{ key: "dedicated", operator: "Exists" }],
        env: [{ name: "HTTP_PROXY", value: "http://proxy.example.org:3128" }],
        shmSize: "1Gi",
      },
      routing: { ingressClassName: "traefik", ingressAnnotations: { a: "b" }, tls: { enabled: true } },
      auth: { oidc: { session: { lengthSeconds: 28_800, renewalSeconds: 60, graceSeconds: 600 } } },
      storage: { size: 1_073_741_824, pvc: { enabled: true, storageClassName: "fast", retentionPolicy: "Retain" } },
    };
    expect(read(defaults)).toEqual({ defaults, problems: [] });
  });

  it.each<{ given: unknown; says: string }>([
    { given: "[]", says: "SERVER_DEFAULTS must be a JSON object" },
    { given: { jupyterServer: [] }, says: "SERVER_DEFAULTS.jupyterServer must be an object" },
    { given: { jupyterServer: { imag: "x" } }, says: "SERVER_DEFAULTS.jupyterServer.imag is unknown" },
    {
      given: { jupyterServer: { image: "a b" } },
      says: "jupyterServer.image must be an image reference, without spaces",
    },
    {
      given: { jupyterServer: { shmSize: "lots" } },
      says: "SERVER_DEFAULTS.jupyterServer.shmSize: jupyterServer.shmSize must be a quantity",
    },
    { given: { jupyterServer: { shmSize: -1 } }, says: "must be a quantity" },
    {
      given: { jupyterServer: { tolerations: null } },
      says: "SERVER_DEFAULTS.jupyterServer.tolerations must be a list",
    },
    {
      given: { jupyterServer: { env: [{ value: "x" }] } },
      says: "SERVER_DEFAULTS.jupyterServer.env[0].name is missing",
    },
    {
      given: { jupyterServer: { env: [{ name: "A" }, { name: "A" }] } },
      says: "SERVER_DEFAULTS.jupyterServer.env has A twice",
    },
    {
      given: { jupyterServer: { nodeSelector: { a: 1 } } },
      says: "SERVER_DEFAULTS.jupyterServer.nodeSelector.a must be a string",
    },
    {
      given: { jupyterServer: { extraVolumeMounts: [{ name: "a", mountPath: "b" }] } },
      says: "mountPath must match ^/",
    },
    { given: { jupyterServer: { priorityClassName: "" } }, says: "priorityClassName must not be empty" },
    {
      given: { storage: { pvc: { retentionPolicy: "Never" } } },
      says: "retentionPolicy must be one of Delete, Retain",
    },
    {
      given: { jupyterServer: { hibernated: true } },
      says: "SERVER_DEFAULTS.jupyterServer.hibernated is set by each server",
    },
    { given: { auth: { token: "secret" } }, says: "SERVER_DEFAULTS.auth.token is set by each server" },
    { given: { auth: { oidc: { allowAnyUser: true } } }, says: "auth.oidc.allowAnyUser is set by each server" },
    { given: { auth: { oidc: { session: { lengthSeconds: 5 } } } }, says: "lengthSeconds must be at least 60" },
    { given: { auth: { oidc: { session: { length: 60 } } } }, says: "auth.oidc.session.length is unknown" },
    { given: { routing: { host: "h" } }, says: "SERVER_DEFAULTS.routing.host is set by each server" },
    { given: { updatePolicy: "Restart" }, says: "SERVER_DEFAULTS.updatePolicy is set by each server" },
    { given: { constructor: {} }, says: "SERVER_DEFAULTS.constructor is unknown" },
  ])("that are $given are refused with what is wrong", ({ given, says }) => {
    const { problems } = read(given);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(says);
  });
});
