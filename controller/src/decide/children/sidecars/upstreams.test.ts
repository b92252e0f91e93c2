import { routeOf, type Route } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { aServer } from "../../testing/builders.ts";
import { NO_UPSTREAM } from "./oauth2-proxy.ts";
import { readPatchedArgs } from "./upstreams.ts";

const route = routeOf(aServer()) as Route; // the test server has a host
const before = [
  "--provider=oidc",
  "--client-id=a",
  "--oidc-issuer-url=b",
  "--session-cookie-minimal",
  "--http-address=c",
  "--skip-provider-button",
];
const base = "/sessions/alice/";
const jupyter = { path: base, url: "http://127.0.0.1:8888" };

describe("readPatchedArgs", () => {
  it.each([
    { patched: "nothing", args: [NO_UPSTREAM], upstreams: [jupyter] },
    {
      patched: "another upstream",
      args: ["--upstream=http://127.0.0.1:8080"],
      upstreams: [{ path: base, url: "http://127.0.0.1:8080" }],
    },
    {
      patched: "another upstream in two arguments",
      args: ["--upstream", "http://localhost:1/"],
      upstreams: [{ path: base, url: "http://localhost:1" }],
    },
    {
      patched: "a second upstream",
      args: [NO_UPSTREAM, "--upstream=http://127.0.0.1:4000/sessions/alice/sidecar"],
      upstreams: [jupyter, { path: "/sessions/alice/sidecar/", url: "http://127.0.0.1:4000" }],
    },
    ...["", "/", base].map((path) => ({
      patched: `another upstream beside ours, at '${path}'`,
      args: [NO_UPSTREAM, `--upstream=http://127.0.0.1:8080${path}`],
      upstreams: [{ path: base, url: "http://127.0.0.1:8080" }],
    })),
    {
      patched: "both",
      args: ["--upstream=http://127.0.0.1:1", "--upstream=http://127.0.0.1:2/x/"],
      upstreams: [
        { path: base, url: "http://127.0.0.1:1" },
        { path: "/x/", url: "http://127.0.0.1:2" },
      ],
    },
  ])("forwards to the right place after patches of $patched, and oauth2-proxy to none", ({ args, upstreams }) => {
    const patched = readPatchedArgs([...before, ...args, "--scope=x"], route, {});
    expect(patched).toEqual({
      args: [...before, NO_UPSTREAM, "--scope=x"],
      upstreams,
      skipAuthRoutes: [],
      refused: undefined,
      sessionSeconds: undefined,
      emailClaim: "email",
      emailDomains: [],
      allowsUnverifiedEmail: false,
      bearer: { enabled: false, audiences: [], groupsClaim: undefined, ignored: [] },
    });
  });

  it.each([
    { args: ["--cookie-expire=12h"], seconds: 43_200 },
    { args: ["--cookie-expire=12h", "--cookie-expire=1h30m"], seconds: 5_400 },
    { args: ["--cookie-expire", "90s"], seconds: 90 },
    { args: ["--cookie-expire=0"], seconds: 0 },
    { args: ["--cookie-expire=500ms"], seconds: 0.5 },
    { args: ["--cookie-expire=for ever"], seconds: undefined },
  ])("$args: a session lasts $seconds seconds", ({ args, seconds }) => {
    expect(readPatchedArgs([...before, NO_UPSTREAM, ...args], route, {}).sessionSeconds).toBe(seconds);
  });

  it("tells which address counts, and lets people without one sign in", () => {
    const given = ["--oidc-email-claim=email", "--insecure-oidc-allow-unverified-email", "--oidc-email-claim", "upn"];
    expect(readPatchedArgs([...before, NO_UPSTREAM, ...given], route, {})).toMatchObject({
      args: expect.arrayContaining(["--oidc-email-claim=sub"]) as unknown,
      emailClaim: "upn",
      allowsUnverifiedEmail: true,
    });
  });

  it.each([
    { values: [""], isAllowed: true },
    { values: ["=true"], isAllowed: true },
    { values: ["", "=false"], isAllowed: false },
    { values: ["=1", "=0"], isAllowed: false },
    { values: ["=false", ""], isAllowed: true },
    { values: [], isAllowed: false },
  ])("lets unverified addresses count by the last of several arguments: $values is $isAllowed", (row) => {
    const args = row.values.map((value) => `--insecure-oidc-allow-unverified-email${value}`);
    const { allowsUnverifiedEmail } = readPatchedArgs([...before, NO_UPSTREAM, ...args], route, {});
    expect(allowsUnverifiedEmail).toBe(row.isAllowed);
  });

  it.each([
    { args: ["--email-domain=*"], domains: [] },
    { args: ["--email-domain=*", "--email-domain=example.org"], domains: ["example.org"] },
    { args: ["--email-domain", "example.org,example.com"], domains: ["example.org", "example.com"] },
  ])("tells of the e-mail domains in $args, which authorize nobody", ({ args, domains }) => {
    expect(readPatchedArgs([...before, NO_UPSTREAM, ...args], route, {}).emailDomains).toEqual(domains);
  });

  it.each([
    ["--skip-auth-route=^/health$"],
    ["--skip-auth-route", "^/health$"],
    ["--skip-auth-regex=^/health$"],
    ["--trusted-ip=10.0.0.0/8"],
    ["--trusted-ip", "10.0.0.0/8"],
  ])("does not pass on %s", (...args) => {
    const patched = readPatchedArgs([...before, NO_UPSTREAM, ...args], route, {});
    expect(patched.args).toEqual([...before, NO_UPSTREAM]);
    expect(patched.skipAuthRoutes).toHaveLength(1);
  });

  it.each([
    "http://example.org",
    "https://127.0.0.1",
    "file:///etc#/etc/",
    "http://127.0.0.1.example.org",
    "http://127.0.0.1:1/a?b",
    "",
  ])("refuses the upstream %j, which is not in the pod", (url) => {
    expect(readPatchedArgs([...before, `--upstream=${url}`], route, {}).refused).toBe(url);
  });
});
