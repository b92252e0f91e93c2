import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { differingFields, legacyRoute } from "./differing-fields.ts";
import { copyOf, objectOf } from "../values/json.ts";
import type { LiveChild, Observed } from "../live/observed.ts";

type Fixture = { readonly items: readonly (LiveChild & Record<string, unknown>)[] };

/** A legacy server (0.24) with its real children and pod, its spec changed by a merge of the top-level fields. */
function changed(fixture: string, section: string, change: object): Observed {
  const path = fileURLToPath(new URL(`../../../../test/fixtures/0.24/${fixture}.json`, import.meta.url));
  const { items } = JSON.parse(readFileSync(path, "utf8")) as Fixture;
  const of = (kind: string): LiveChild | undefined => items.find((item) => item.kind === kind);
  const left = of("JupyterServer");
  const spec = { ...left?.spec, [section]: { ...objectOf(left?.spec?.[section]), ...change } };
  return {
    server: { ...left, spec } as unknown as JupyterServer,
    children: items.filter(({ kind }) => !["JupyterServer", "Pod", "Secret"].includes(kind)),
    pod: of("Pod") as unknown as Observed["pod"],
    secret: { kind: "Unknown" },
    events: [],
    failures: [],
    equivalent: new Map(),
    formerPod: undefined,
    isCredentialChanged: false,
    quotaFreedAt: undefined,
    routeHolder: undefined,
    ruleTakenBy: () => undefined,
    missing: { ingressClasses: [], tlsSecrets: [] },
    namespacePolicy: {},
    olderServers: 0,
    activity: { kind: "Unasked" },
    usage: { containers: { kind: "Pending" }, disk: { kind: "Pending" } },
    hibernatedAppliedBy: undefined,
    isClockAhead: false,
    isClaimNew: true,
  };
}

const OIDC = {
  enabled: true,
  issuerUrl: "http://10.243.0.1:4000",
  clientId: "jupyter",
  clientSecret: { value: "inline-client-secret" },
  authorizedEmails: ["Bob@Example.org", "alice@example.org"],
  authorizedGroups: ["physics"],
};

describe("differingFields", () => {
  it.each(["token-volume", "token-generated", "oidc-inline", "oidc-patched", "half-created", "failed", "hibernated"])(
    "finds nothing on %s as it was left",
    (fixture) => {
      expect(differingFields(changed(fixture, "jupyterServer", {}))).toEqual([]);
    },
  );

  it.each([
    { fixture: "token-volume", section: "jupyterServer", change: { image: "new:v2" }, field: "jupyterServer.image" },
    { fixture: "token-volume", section: "jupyterServer", change: { rootDir: "/x" }, field: "jupyterServer.rootDir" },
    { fixture: "token-volume", section: "routing", change: { path: "/b" }, field: "routing.path" },
    { fixture: "token-volume", section: "storage", change: { size: "2Gi" }, field: "storage.size" },
    {
      fixture: "token-volume",
      section: "storage",
      change: { size: "1Gi", pvc: { enabled: true, storageClassName: "fast", mountPath: "/home/jovyan/work" } },
      field: "storage.pvc.storageClassName",
    },
    { fixture: "token-volume", section: "auth", change: { token: "other" }, field: "auth.token" },
    { fixture: "token-volume", section: "auth", change: { oidc: OIDC }, field: "auth.oidc.enabled" },
    { fixture: "oidc-inline", section: "auth", change: { oidc: { enabled: false } }, field: "auth.oidc.enabled" },
    { fixture: "oidc-inline", section: "routing", change: { tls: { enabled: false } }, field: "routing.tls.enabled" },
    {
      fixture: "oidc-inline",
      section: "auth",
      change: { oidc: { ...OIDC, authorizedEmails: ["alice@example.org"] } },
      field: "auth.oidc.authorizedEmails",
    },
    {
      fixture: "oidc-inline",
      section: "auth",
      change: { oidc: { ...OIDC, authorizedGroups: [] } },
      field: "auth.oidc.authorizedGroups",
    },
    {
      fixture: "oidc-inline",
      section: "auth",
      change: { oidc: { ...OIDC, issuerUrl: "https://other" } },
      field: "auth.oidc.issuerUrl",
    },
    {
      fixture: "oidc-inline",
      section: "auth",
      change: { oidc: { ...OIDC, allowAnyUser: true } },
      field: "auth.oidc.allowAnyUser",
    },
  ])("finds $field, which cannot reach a pod in the legacy layout", ({ fixture, section, change, field }) => {
    expect(differingFields(changed(fixture, section, change))).toEqual([field]);
  });

  it.each(["token", "token "])("takes the probe header %o of 0.24 for an empty token", (value) => {
    const world = changed("token-volume", "auth", { token: "" });
    const pod = copyOf(world.pod);
    for (const container of pod?.spec?.containers ?? []) {
      const probe = container.readinessProbe?.httpGet;
      if (probe !== undefined) probe.httpHeaders = [{ name: "Authorization", value }];
    }
    expect(differingFields({ ...world, pod })).toEqual([]);
    const given = changed("token-volume", "auth", { token: "given" });
    expect(differingFields({ ...given, pod })).toEqual(["auth.token"]);
  });

  it("ignores the order of lists and the notation of a size", () => {
    expect(differingFields(changed("oidc-inline", "auth", { oidc: OIDC }))).toEqual([]);
    expect(differingFields(changed("token-volume", "storage", { size: "1024Mi" }))).toEqual([]);
  });
});

describe("legacyRoute", () => {
  const host = "hub.example.org";

  it.each([
    { externalUrl: `https://${host}`, origin: `https://${host}`, because: "TLS is terminated in front of its Ingress" },
    { externalUrl: `https://${host}:8443`, origin: `http://${host}`, because: "it was not started for that port" },
    { externalUrl: "https://lab.example.org", origin: `http://${host}`, because: "its Ingress has another host" },
  ])("is at $origin where the spec says $externalUrl: $because", ({ externalUrl, origin }) => {
    expect(legacyRoute(changed("oidc-patched", "routing", { externalUrl }))?.origin).toBe(origin);
  });
});
