import { randomBytes } from "node:crypto";
import {
  demoClient,
  demoIdentityProvider,
  demoSecret,
  providerPod,
  type DemoLogin,
} from "../../scripts/demo-identity-provider.ts";
import { apply, cluster, fetchThroughIngress, kubectl, until, waitFor } from "./cluster.ts";
import type { TestServer } from "./server.ts";
import { tlsSecret } from "./tls-secret.ts";

export type UserName = "alice" | "bob" | "carol" | "comma" | "unverified";

/** Everybody the provider of the tests knows; the password is the name. */
const USERS: Readonly<Record<UserName, Readonly<Record<string, unknown>>>> = {
  alice: person("alice", ["physics"]),
  bob: person("bob", ["chemistry"]),
  carol: person("carol", ["physics", "staff"]),
  comma: person("comma", ["x,physics"]),
  unverified: { ...person("unverified", []), email_verified: false },
};

function person(name: UserName, groups: readonly string[]): Readonly<Record<string, unknown>> {
  return { password: name, email: `${name}@example.org`, email_verified: true, groups };
}

/** A provider in the cluster. */
export type IdentityProvider = {
  /** `spec.auth.oidc` of a server in the same namespace, without who may enter. */
  readonly client: Readonly<Record<string, unknown>>;
  readonly url: string;
  /** Starts and stops its pod. */
  readonly scale: (replicas: 0 | 1) => Promise<void>;
};

const IMAGE = process.env["AMALTHEA_TEST_IDENTITY_PROVIDER_IMAGE"] ?? "amalthea/demo-identity-provider:1.0.0-alpha.0";

/** Starts a provider, of its own host name, and waits until browsers reach it. */
export async function startIdentityProvider(namespace: string): Promise<IdentityProvider> {
  const name = `identity-provider-${randomBytes(4).toString("hex")}`; // several may share a namespace
  const login: DemoLogin = { name, namespace, host: `${name}.localhost`, ingressUrl: cluster.ingressUrl, image: IMAGE };
  await apply(demoSecret(login, randomBytes(16).toString("hex"), USERS));
  for (const object of demoIdentityProvider(login)) await apply(object);
  const client = demoClient(login);
  const url = String(client["issuerUrl"]);
  const scale = async (replicas: 0 | 1): Promise<void> => {
    const deployment = [`deployment/${name}`, "-n", namespace];
    await kubectl(["scale", ...deployment, `--replicas=${replicas}`]);
    await kubectl(["rollout", "status", ...deployment, "--timeout=120s"]);
    const answer = (): Promise<number> => fetchThroughIngress(`${url}/jwks`).then(({ status }) => status);
    await until(answer, (status) => (status === 200) === (replicas === 1), 120);
  };
  await scale(1);
  return { client, url, scale };
}

/** A provider that speaks https with a certificate of an authority nobody knows. */
export type PrivateProvider = {
  /** Its host: the name of its Service. */
  readonly host: string;
  /** `spec.auth.oidc` of a server that finds everything by the issuer URL, and does not trust the authority. */
  readonly client: Readonly<Record<string, unknown>>;
  /** Trust in the authority, as a field of `spec.auth.oidc`. */
  readonly trust: { readonly trustedCA: { readonly configMapName: string; readonly key: string } };
  /** The addresses that the issuer URL leads to, as a field of `spec.auth.oidc`. */
  readonly addresses: { readonly discovery: Readonly<Record<string, string>> };
  /** Starts its pod, which is not there at first, and waits until it answers; returns the pod's name. */
  readonly start: () => Promise<string>;
};

const PRIVATE = "private-identity-provider";

/** Makes such a provider, which does not run yet, and the ConfigMap with its authority. */
export async function makePrivateProvider(namespace: string): Promise<PrivateProvider> {
  const host = `${PRIVATE}.${namespace}.svc`;
  const issuerUrl = `https://${host}`;
  const authority = { name: "authority", key: "root.pem" };
  const tlsSecretName = `${PRIVATE}-tls`;
  const root = await makeTlsSecret(tlsSecretName, namespace, [host]);
  await apply({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: authority.name, namespace },
    data: { [authority.key]: root },
  });
  const provider = { name: PRIVATE, namespace, image: IMAGE, issuerUrl, tlsSecretName, replicas: 0 } as const;
  await apply(demoSecret(provider, randomBytes(16).toString("hex"), USERS));
  for (const object of providerPod(provider)) await apply(object);
  const deployment = [`deployment/${PRIVATE}`, "-n", namespace];
  return {
    host,
    client: {
      enabled: true,
      issuerUrl,
      clientId: "jupyter",
      clientSecret: { secretKeyRef: { name: PRIVATE, key: "clientSecret" } },
    },
    trust: { trustedCA: { configMapName: authority.name, key: authority.key } },
    addresses: {
      discovery: { loginUrl: `${issuerUrl}/auth`, redeemUrl: `${issuerUrl}/token`, jwksUrl: `${issuerUrl}/jwks` },
    },
    start: async () => {
      await kubectl(["scale", ...deployment, "--replicas=1"]);
      await kubectl(["rollout", "status", ...deployment, "--timeout=120s"]);
      return (await kubectl(["get", "pod", "-n", namespace, "-l", `app=${PRIVATE}`, "-o", "name"])).trim();
    },
  };
}

/** Makes a Secret with a certificate for some hosts, and its key. @returns The authority that has signed it, in PEM. */
export async function makeTlsSecret(name: string, namespace: string, hosts: readonly string[]): Promise<string> {
  const { secret, authority } = await tlsSecret(name, namespace, hosts);
  await apply(secret);
  return authority;
}

/** Applies a server whose users sign in with the provider. @param criteria Who may enter, as fields of `auth.oidc`. */
export async function applyWithLogin(
  server: TestServer,
  provider: Pick<IdentityProvider, "client">,
  criteria: object,
  spec: { readonly [field: string]: object } = {},
): Promise<void> {
  await server.apply({
    routing: { externalUrl: new URL(server.url).origin },
    auth: { oidc: { ...provider.client, ...criteria } },
    ...spec,
  });
}

/** Waits until the server is Ready and asks whoever comes without a session for one. */
export async function untilAsksForLogin({ name, namespace, url }: TestServer): Promise<void> {
  await waitFor(`jupyterserver/${name}`, namespace, "condition=Ready");
  await until(
    () => fetchThroughIngress(`${url}/api/contents`),
    ({ status }) => status === 401,
  );
}
