import { randomBytes } from "node:crypto";
import { demoClient, demoIdentityProvider, demoSecret, type DemoLogin } from "../../scripts/demo-identity-provider.ts";
import { apply, cluster, fetchThroughIngress, kubectl, until } from "./cluster.ts";
import type { TestServer } from "./server.ts";

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
  const login: DemoLogin = {
    namespace,
    host: `login-${namespace}.localhost`,
    ingressUrl: cluster.ingressUrl,
    image: IMAGE,
  };
  await apply(demoSecret(namespace, randomBytes(16).toString("hex"), USERS));
  for (const object of demoIdentityProvider(login)) await apply(object);
  const client = demoClient(login);
  const url = String(client["issuerUrl"]);
  const scale = async (replicas: 0 | 1): Promise<void> => {
    const deployment = ["deployment/demo-identity-provider", "-n", namespace];
    await kubectl(["scale", ...deployment, `--replicas=${replicas}`]);
    await kubectl(["rollout", "status", ...deployment, "--timeout=120s"]);
    const answer = (): Promise<number> => fetchThroughIngress(`${url}/jwks`).then(({ status }) => status);
    await until(answer, (status) => (status === 200) === (replicas === 1), 120);
  };
  await scale(1);
  return { client, url, scale };
}

/** Applies a server whose users sign in at the provider. @param criteria Who may enter, as fields of `auth.oidc`. */
export async function applyWithLogin(
  server: TestServer,
  provider: IdentityProvider,
  criteria: object,
  spec: { readonly [field: string]: object } = {},
): Promise<void> {
  await server.apply({
    routing: { externalUrl: new URL(server.url).origin },
    auth: { oidc: { ...provider.client, ...criteria } },
    ...spec,
  });
}
