import { routeOf, type Patch } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { aServer, someSettings } from "../../testing/builders.ts";
import { listOf, valueAt } from "../../values/json.ts";
import { desiredChildren, type Desired } from "../desired.ts";
import { authoritiesOf, withFlagsAsArgs } from "./patched-environment.ts";

const LOGIN = { enabled: true, issuerUrl: "https://id.example.org", clientId: "jupyter", clientSecret: { value: "s" } };
const PROXY = "/statefulset/spec/template/spec/containers/1";

const variable = (name: string, value: string): object => ({
  op: "add",
  path: `${PROXY}/env/-`,
  value: { name: `OAUTH2_PROXY_${name}`, value },
});

function rendered(patch: readonly object[], oidc: object = {}, settings = someSettings()): Desired {
  const patches: readonly Patch[] = [{ type: "application/json-patch+json", patch }];
  const server = aServer({ patches, oidc: { ...LOGIN, ...oidc }, routing: { tls: { enabled: true } } });
  return desiredChildren(server, settings, { wanted: routeOf(server), served: undefined, kept: undefined });
}

function containerOf(desired: Desired, name: string): unknown {
  if (desired.kind !== "Rendered") throw new Error(JSON.stringify(desired.problems));
  const { manifest } = desired.children.find(({ childKey }) => childKey === "statefulset") ?? {};
  const containers = listOf(valueAt(manifest, "spec", "template", "spec", "containers"));
  return containers.find((container) => valueAt(container, "name") === name);
}

function variablesOf(container: unknown): Readonly<Record<string, unknown>> {
  const entries = listOf(valueAt(container, "env")).map((entry): readonly [string, unknown] => [
    String(valueAt(entry, "name")),
    valueAt(entry, "value"),
  ]);
  return Object.fromEntries(entries);
}

describe("what clients of 0.24 tell oauth2-proxy by environment variables", () => {
  it.each([
    ["true", "Ignored"],
    ["false", "Required"],
  ])("says whether addresses that are not verified count: %s is %s", (value, verification) => {
    const desired = rendered([variable("INSECURE_OIDC_ALLOW_UNVERIFIED_EMAIL", value)]);
    expect(variablesOf(containerOf(desired, "authorization"))).toMatchObject({
      AMALTHEA_EMAIL_VERIFICATION: verification,
    });
    expect(valueAt(containerOf(desired, "oauth2-proxy"), "args")).toContain(
      `--insecure-oidc-allow-unverified-email=${value}`,
    );
  });

  it("opens the server to tokens of programs, which oauth2-proxy does not see", () => {
    const desired = rendered([variable("SKIP_JWT_BEARER_TOKENS", "true"), variable("OIDC_EXTRA_AUDIENCES", "a,b")]);
    const { AMALTHEA_BEARER } = variablesOf(containerOf(desired, "authorization"));
    expect(JSON.parse(String(AMALTHEA_BEARER))).toMatchObject({ audiences: ["jupyter", "a", "b"] });
    expect(JSON.stringify(containerOf(desired, "oauth2-proxy"))).not.toMatch(/jwt|audience/i);
  });

  it.each([
    { name: "SKIP_AUTH_ROUTES", value: "^/open$", argument: "--skip-auth-route=^/open$" },
    { name: "TRUSTED_IPS", value: "10.9.8.0/24", argument: "--trusted-ip=10.9.8.0/24" },
  ])("opens nothing without a login, and is named: $name", ({ name, value, argument }) => {
    const desired = rendered([variable(name, value)]);
    expect(desired.warnings).toContainEqual({ kind: "SkipAuthRouteIgnored", args: [argument] });
    expect(JSON.stringify(containerOf(desired, "oauth2-proxy"))).not.toContain(value);
  });

  it("authorizes nobody by an e-mail domain, which is named", () => {
    const desired = rendered([{ op: "add", path: `${PROXY}/args/-`, value: "--email-domain=example.org" }]);
    expect(desired.warnings).toContainEqual({ kind: "EmailDomainIgnored", domains: ["example.org"] });
  });

  it("counts for nothing beside the same as an argument, as in oauth2-proxy", () => {
    const argument = { op: "add", path: `${PROXY}/args/-`, value: "--insecure-oidc-allow-unverified-email=false" };
    const desired = rendered([argument, variable("INSECURE_OIDC_ALLOW_UNVERIFIED_EMAIL", "true")]);
    expect(variablesOf(containerOf(desired, "authorization"))).toMatchObject({
      AMALTHEA_EMAIL_VERIFICATION: "Required",
    });
  });

  it("stays as it is where only the pod's own cluster knows the value, and in all else", () => {
    const env = [
      { name: "OAUTH2_PROXY_SKIP_JWT_BEARER_TOKENS", valueFrom: { configMapKeyRef: { name: "a", key: "b" } } },
      { name: "OAUTH2_PROXY_BANNER", value: "hello" },
    ];
    expect(withFlagsAsArgs(["--provider=oidc"], env)).toEqual({ args: ["--provider=oidc"], env });
  });
});

describe("an administrator lets addresses count that are not verified for clients that cannot say so", () => {
  const extraArgs = ["--insecure-oidc-allow-unverified-email"];
  const settings = someSettings({ sidecars: { oauth2Proxy: { extraArgs } } });
  const verification = (patch: readonly object[]): unknown =>
    variablesOf(containerOf(rendered(patch, {}, settings), "authorization"))["AMALTHEA_EMAIL_VERIFICATION"];

  it("as the migration guide tells", () => {
    expect(verification([])).toBe("Ignored");
  });

  it("and not for a client that says no", () => {
    expect(verification([{ op: "add", path: `${PROXY}/args/-`, value: `${extraArgs[0]}=false` }])).toBe("Required");
  });
});

describe("a private certificate authority that a patch gives oauth2-proxy", () => {
  const mount = { mountPath: "/etc/ssl/certs/", name: "etc-ssl-certs", readOnly: true };
  const mounted = { op: "add", path: `${PROXY}/volumeMounts/-`, value: mount };
  const file = "/etc/ssl/certs/ca-certificates.crt";

  it.each([
    ["a variable", [variable("PROVIDER_CA_FILES", file)]],
    ["an argument", [{ op: "add", path: `${PROXY}/args/-`, value: `--provider-ca-file=${file}` }]],
    ["two arguments", ["--provider-ca-file", file].map((value) => ({ op: "add", path: `${PROXY}/args/-`, value }))],
  ])("is the authorization service's, too: by %s", (_how, patch) => {
    const authorization = containerOf(rendered([mounted, ...patch]), "authorization");
    const mountPath = "/etc/amalthea/authorities/0";
    expect(variablesOf(authorization)).toMatchObject({ AMALTHEA_PROVIDER_CA_FILE: `${mountPath}/ca-certificates.crt` });
    expect(valueAt(authorization, "volumeMounts")).toContainEqual({ ...mount, mountPath });
  });

  it("is beside the one of the spec", () => {
    const argument = { op: "add", path: `${PROXY}/args/-`, value: `--provider-ca-file=${file}` };
    const oidc = { trustedCA: { configMapName: "company-ca", key: "ca.crt" } };
    const authorization = containerOf(rendered([mounted, argument], oidc), "authorization");
    expect(variablesOf(authorization)).toMatchObject({
      AMALTHEA_PROVIDER_CA_FILE: "/etc/amalthea/authorities/0/ca.crt,/etc/amalthea/authorities/1/ca-certificates.crt",
    });
  });

  it("is left to oauth2-proxy where the file is of its image", () => {
    const args = ["--provider-ca-file=/etc/ssl/ca.crt,/etc/sslx/ca.crt"];
    const oauth2Proxy = { volumeMounts: [{ name: "a", mountPath: "/etc/ssl/certs" }] };
    expect(authoritiesOf(args, oauth2Proxy, "/here")).toEqual({ files: [], mounts: [], unshared: [] });
  });

  it("hides nothing of the authorization service, wherever it is mounted, and is found on the inner of two volumes", () => {
    const volumeMounts = [
      { name: "program", mountPath: "/app" },
      { name: "file", mountPath: "/app/ca.crt", subPath: "ca.crt" },
    ];
    expect(authoritiesOf(["--provider-ca-file=/app//ca.crt"], { volumeMounts }, "/here")).toEqual({
      files: ["/here/0"],
      mounts: [{ name: "file", mountPath: "/here/0", subPath: "ca.crt", readOnly: true }],
      unshared: [],
    });
  });

  it("is left to oauth2-proxy, and named, where its place follows from the environment of that container", () => {
    const expression = { ...mount, subPathExpr: "$(POD_NAME)" };
    const patch = [{ ...mounted, value: expression }, variable("PROVIDER_CA_FILES", file)];
    const desired = rendered(patch);
    const authorization = containerOf(desired, "authorization");
    expect(variablesOf(authorization)).not.toHaveProperty("AMALTHEA_PROVIDER_CA_FILE");
    expect(JSON.stringify(authorization)).not.toContain(mount.name);
    expect(desired.warnings).toContainEqual({ kind: "AuthoritiesNotShared", files: [file] });
  });

  it("is only read, without what privileged containers alone may have", () => {
    const volumeMounts = [
      { name: "both", mountPath: "/both", readOnly: false, mountPropagation: "Bidirectional" },
      { name: "whole", mountPath: "/whole", readOnly: true, recursiveReadOnly: "Enabled", mountPropagation: "None" },
    ];
    const args = ["--provider-ca-file=/both/ca.crt,/whole/ca.crt"];
    expect(authoritiesOf(args, { volumeMounts }, "/here").mounts).toEqual([
      { name: "both", mountPath: "/here/0", readOnly: true },
      { name: "whole", mountPath: "/here/1", readOnly: true },
    ]);
  });
});
