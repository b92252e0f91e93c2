import { randomBytes } from "node:crypto";
import {
  demoClient,
  demoIdentityProvider,
  demoSecret,
  type DemoLogin,
  type DemoUsers,
} from "./demo-identity-provider.ts";
import { kubectl, runStep, type Installation } from "./install.ts";
import type { TargetCluster } from "./provide-cluster.ts";
import { waitUntilAnswers } from "./wait-until-answers.ts";

const SAMPLE = { name: "sample-oidc", namespace: "default", host: "oidc.localhost", group: "physics" } as const;
const PROVIDER = { name: "demo-identity-provider", namespace: SAMPLE.namespace, host: "login.localhost" } as const;

/** Claims of the demo users; each gets a password of its own when the provider is first deployed. */
const USERS = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["physics"] },
  bob: { email: "bob@example.org", email_verified: true, groups: ["chemistry"] },
  carol: { email: "carol@example.org", email_verified: true, groups: ["physics", "staff"] },
} as const;

/**
 * Applies the demo identity provider and a server that the members of one group may enter after a login there.
 *
 * @returns What to tell the user: the server's address and the logins. Empty where the address of the ingress is not
 * this machine's: browsers keep a login over plain http for `localhost` only.
 */
export async function startLoginSample(
  target: TargetCluster,
  images: Pick<Installation, "jupyterImage" | "identityProviderImage">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ingress = new URL(target.ingressUrl);
  if (!/^(.+\.)?localhost$/.test(ingress.hostname)) return [];
  const { name, namespace, host, group } = SAMPLE;
  const login: DemoLogin = { ...PROVIDER, ingressUrl: target.ingressUrl, image: images.identityProviderImage };
  const users = await provideUsers(target, signal);
  const externalUrl = `${ingress.protocol}//${host}${ingress.port === "" ? "" : `:${ingress.port}`}`;
  const server = {
    apiVersion: "amalthea.dev/v1alpha1",
    kind: "JupyterServer",
    metadata: { name, namespace },
    spec: {
      jupyterServer: { image: images.jupyterImage },
      routing: { host, path: "/", externalUrl },
      storage: { size: "1Gi", pvc: { enabled: true } },
      auth: { oidc: { ...demoClient(login), authorizedGroups: [group] } },
    },
  };
  const items = [...demoIdentityProvider(login), server];
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await kubectl(target, ["apply", "-f", "-"], signal, list);
  const rollout = ["rollout", "status", `deployment/${PROVIDER.name}`, "-n", namespace, "--timeout=5m"];
  await runStep("demo identity provider ready", target, "kubectl", rollout, signal);
  const wait = ["wait", `jupyterserver/${name}`, "-n", namespace, "--for=condition=Ready", "--timeout=5m"];
  await runStep(`sample server ${namespace}/${name} ready`, target, "kubectl", wait, signal);
  await waitUntilAnswers(`${externalUrl}/lab`, target.ingressUrl, signal);
  await waitUntilAnswers(
    `${login.ingressUrl.replace("//localhost", `//${PROVIDER.host}`)}/jwks`,
    target.ingressUrl,
    signal,
  );
  return [
    `With a login: ${externalUrl}/lab`,
    ...Object.entries(users).map(([user, { password, groups }]) => {
      const isMember = (groups as readonly string[]).includes(group); // of USERS
      return `  ${user.padEnd(6)} password ${password as string}  ${isMember ? "may enter" : "may not enter"}`;
    }),
  ];
}

/** The users as they were first deployed, so that their passwords stay. */
async function provideUsers(target: TargetCluster, signal: AbortSignal): Promise<DemoUsers> {
  const field = "jsonpath={.data.users}";
  const secret = ["get", "secret", PROVIDER.name, "-n", PROVIDER.namespace, "--ignore-not-found", "-o", field];
  const known = await kubectl(target, secret, signal);
  if (known !== "") return JSON.parse(Buffer.from(known, "base64").toString()) as DemoUsers; // written below
  const users = Object.fromEntries(
    Object.entries(USERS).map(([user, claims]) => [user, { password: randomBytes(4).toString("hex"), ...claims }]),
  );
  const manifest = demoSecret(PROVIDER, randomBytes(16).toString("hex"), users);
  await kubectl(target, ["apply", "-f", "-"], signal, JSON.stringify(manifest));
  return users;
}
