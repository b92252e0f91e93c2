import { aServer } from "./resource.ts";

/** A server as somebody may have stored it under 0.24. */
export type StoredServer = {
  readonly metadata: {
    readonly name: string;
    readonly finalizers?: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: object;
};

/** Objects that 0.24's CRD accepts and that our validation rejects: one for each rule concerned. */
export const broken: readonly StoredServer[] = Object.entries({
  ["l".repeat(60)]: {},
  "1-digit-first": {},
  "no-spec-host": { routing: { path: "/a" } },
  "host-with-port": { routing: { host: "hub.example.org:80" } },
  "host-upper-case": { routing: { host: "HUB" } },
  "host-too-long": { routing: { host: "h".repeat(300) } },
  "path-with-query": { routing: { host: "h", path: "/a?b" } },
  "path-with-percent": { routing: { host: "h", path: "/a%20b" } },
  "path-not-ascii": { routing: { host: "h", path: "/älice" } },
  "path-too-long": { routing: { host: "h", path: `/${"p".repeat(1000)}` } },
  "host-ends-in-number": { routing: { host: "hub.1" } },
  "path-with-dots": { routing: { host: "h", path: "/a/../b" } },
  "relative-mount": { storage: { pvc: { mountPath: "work" } } },
  "relative-root": { jupyterServer: { rootDir: "work" } },
  "no-image": { jupyterServer: { image: "" } },
  "odd-size": { storage: { size: "much" } },
  "untyped-patch": { patches: [{ patch: [] }] },
  "oidc-without-issuer": { auth: { oidc: { enabled: true } } },
  "oidc-odd-issuer": {
    auth: { oidc: { enabled: true, issuerUrl: "idp", clientId: "c", clientSecret: { value: "s" } } },
  },
  "half-reference": {
    auth: { oidc: { enabled: true, issuerUrl: "http://i", clientId: "c", clientSecret: { secretKeyRef: {} } } },
  },
  "mount-with-colon": { storage: { pvc: { mountPath: "/a:b" } } },
  "image-with-space": { jupyterServer: { image: "a b" } },
  "negative-size": { storage: { size: -1 } },
  "token-of-white-space": { auth: { token: " " } },
  "token-of-two-lines": { auth: { token: "a\nb" } },
}).map(([name, spec]) => aServer(spec, name) as StoredServer);

/** Without a spec: 0.24's defaults do not apply to it either. */
export const withoutSpec: StoredServer = { metadata: { name: "without-spec" } };
/** With a status that no controller wrote. */
export const withOddStatus: StoredServer = {
  ...aServer({}, "odd-status"),
  status: { mainPod: null, children: null, startingSince: null, events: "none", conditions: "none" },
} as unknown as StoredServer;
