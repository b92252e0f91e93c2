import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "./config.ts";

const required = { AMALTHEA_SERVER_NAME: "mine", AMALTHEA_COOKIE_NAME: "__Host-amalthea-1" };

describe("readConfig", () => {
  it("has a default for everything but the two names", () => {
    expect(readConfig(required)).toEqual({
      serverName: "mine",
      cookieName: "__Host-amalthea-1",
      basePath: "/",
      origins: [],
      policyDirectory: "/etc/amalthea/policy",
      listen: { host: "127.0.0.1", port: 4182 },
      loginService: { host: "127.0.0.1", port: 4181 },
      jupyter: { host: "127.0.0.1", port: 8888 },
      upstreams: [{ path: "/", host: "127.0.0.1", port: 8888 }],
      provider: { issuerUrl: undefined, caFiles: [], optionalScopes: [], endSessionsAs: undefined },
      email: { claim: "email", verification: "Required" },
      sessionSeconds: 43_200,
      renewSeconds: 180,
      renewalGraceSeconds: 3_600,
      sessionDirectory: undefined,
      sessionCheckSeconds: 5,
      sessionGraceSeconds: 30,
      socketLifeSeconds: 86_400,
      activityKey: undefined,
      activityPort: 4184,
      logLevel: "info",
    });
  });

  it("sends WebSockets below the base path to Jupyter unless told otherwise", () => {
    const given = { ...required, AMALTHEA_BASE_PATH: "/sessions/a", AMALTHEA_JUPYTER_URL: "http://[::1]:9999" };
    expect(readConfig(given).upstreams).toEqual([{ path: "/sessions/a/", host: "::1", port: 9999 }]);
    const upstreams = '[{"path":"/sessions/a/","url":"http://localhost:9000"}]';
    expect(readConfig({ ...given, AMALTHEA_UPSTREAMS: upstreams }).upstreams).toEqual([
      { path: "/sessions/a/", host: "localhost", port: 9000 },
    ]);
  });

  it.each([
    ["AMALTHEA_SERVER_NAME", ""],
    ["AMALTHEA_COOKIE_NAME", "a b"],
    ["AMALTHEA_COOKIE_NAME", "a=b"],
    ["AMALTHEA_ACTIVITY_KEY", "short"],
    ["AMALTHEA_ACTIVITY_KEY", "with a space ".repeat(4)],
    ["AMALTHEA_ACTIVITY_PORT", "http"],
    ["AMALTHEA_ACTIVITY_PORT", "70000"],
    ["AMALTHEA_BASE_PATH", ""],
    ["AMALTHEA_BASE_PATH", "/a/"],
    ["AMALTHEA_BASE_PATH", "a"],
    ["AMALTHEA_BASE_PATH", "/a/../b"],
    ["AMALTHEA_BASE_PATH", "/a%20b"],
    ["AMALTHEA_ORIGINS", "a.example"],
    ["AMALTHEA_ORIGINS", "https://a.example/"],
    ["AMALTHEA_ORIGINS", "https://a.example,*"],
    ["AMALTHEA_LISTEN", "0.0.0.0:4182"],
    ["AMALTHEA_LISTEN", ":4182"],
    ["AMALTHEA_LOGIN_URL", "http://oauth2-proxy:4181"],
    ["AMALTHEA_LOGIN_URL", "https://127.0.0.1:4181"],
    ["AMALTHEA_JUPYTER_URL", "http://127.0.0.1:8888/lab"],
    ["AMALTHEA_UPSTREAMS", "{}"],
    ["AMALTHEA_UPSTREAMS", "["],
    ["AMALTHEA_UPSTREAMS", '[{"path":"x","url":"http://127.0.0.1:1"}]'],
    ["AMALTHEA_UPSTREAMS", '[{"path":"/x","url":"http://10.0.0.1:1"}]'],
    ["AMALTHEA_UPSTREAMS", "[null]"],
    ["AMALTHEA_EMAIL_CLAIM", ""],
    ["AMALTHEA_EMAIL_VERIFICATION", "no"],
    ["AMALTHEA_ISSUER_URL", "login.example.org"],
    ["AMALTHEA_SESSION_CHECK_SECONDS", "0"],
    ["AMALTHEA_SESSION_GRACE_SECONDS", "soon"],
    ["AMALTHEA_SESSION_CHECK_SECONDS", "2147484"],
    ["AMALTHEA_SESSION_CHECK_SECONDS", "Infinity"],
    ["AMALTHEA_SOCKET_LIFE_SECONDS", ""],
    ["AMALTHEA_LOG_LEVEL", "verbose"],
  ])("refuses %s=%s", (name, value) => {
    expect(() => readConfig({ ...required, [name]: value })).toThrow(name);
  });

  it("names every mistake at once", () => {
    const read = (): unknown => readConfig({ AMALTHEA_BASE_PATH: "x", AMALTHEA_LOG_LEVEL: "x" });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/BASE_PATH.*SERVER_NAME.*COOKIE_NAME.*LOG_LEVEL/);
  });
});
