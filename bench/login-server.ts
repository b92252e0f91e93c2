import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CONTAINERS, PORTS, SECRET_KEYS } from "@amalthea/api";
import { SESSIONS_DIRECTORY } from "../controller/src/decide/children/sidecars/authorization.ts";
import { demoClient, demoIdentityProvider, demoSecret, type DemoLogin } from "../scripts/demo-identity-provider.ts";
import { ContainerUsage } from "./container-usage.ts";
import { askIngress, PASSWORD, signInAtDemo, USER } from "./demo-sign-in.ts";
import { byPart, type Part, type Way } from "./login-figures.ts";
import type { Target } from "./pod-client.ts";
import { aServer, NAMESPACE, SINGLE_PROXY_PORT, withSingleProxy } from "./login-manifests.ts";
import type { RealCluster } from "./real-cluster.ts";

/** Loaded, and with the single proxy beside our chain. */
const NAME = "login-chain";
const PATH = `/${NAME}`;

/** Idle: of one program in several pods of a node, each has only its own data for itself. */
const NEIGHBOUR = "login-neighbour";

const EMAIL = `${USER}@example.org`;

/** Ports of the pod's loopback at which the ways to Jupyter begin. */
const WAY_PORTS: Readonly<Record<Way, number>> = {
  direct: PORTS.jupyter,
  singleProxy: SINGLE_PROXY_PORT,
  chain: PORTS.authProxy,
};

/** A file that Jupyter hands out; about as large as one of the parts of JupyterLab's program. */
const FILE = { name: "sample.bin", bytes: 128 * 1024 } as const;

/** A server behind a login that somebody has signed in to. */
export type LoginServer = {
  /** Of its address as people see it. */
  readonly origin: string;
  /** `Cookie` header of the session, by way. */
  readonly cookies: Readonly<Record<Way, string>>;
  /** Name of a file that Jupyter hands out. */
  readonly file: string;
  readonly kernelId: string;
  /** Lets its bearer ask how the server is used. */
  readonly activityKey: string;
  readonly usage: Readonly<Record<Part, ContainerUsage>>;
};

/** A path of Jupyter's by one of the ways, as somebody who has signed in asks for it from inside the pod. */
export function targetOf(server: LoginServer, way: Way, path: string): Target {
  const { cookies, origin } = server;
  const headers = {
    cookie: cookies[way],
    host: new URL(origin).host, // the chain answers under this name only
    origin,
    referer: `${origin}${PATH}/lab`, // Jupyter hands out files to its own pages only
  };
  return { url: `http://localhost:${WAY_PORTS[way]}${PATH}${path}`, headers };
}

/** The question about the activity as the controller puts it. */
export function activityTarget({ activityKey }: LoginServer): Target {
  return {
    url: `http://localhost:${PORTS.activity}/activity`,
    headers: { authorization: `Bearer ${activityKey}` },
  };
}

/**
 * Starts the demo identity provider and a server that asks it, as the controller makes it, with one container more: a
 * proxy with a list of e-mail addresses. It takes the session that ours has made, and so all ways lead to the same Jupyter.
 */
export async function startLoginServer(cluster: RealCluster, signal: AbortSignal): Promise<LoginServer> {
  const { kubectl, ingressUrl } = cluster;
  const login: DemoLogin = {
    name: "demo-identity-provider",
    namespace: NAMESPACE,
    host: "login-of-the-bench.localhost",
    ingressUrl,
    image: cluster.identityProviderImage,
  };
  const client = demoClient(login);
  const oidc = { ...client, authorizedEmails: [EMAIL] };
  const users = { [USER]: { password: PASSWORD, email: EMAIL, email_verified: true } };
  const items = [
    demoSecret(login, randomBytes(16).toString("hex"), users),
    ...demoIdentityProvider(login),
    aServer(cluster, NEIGHBOUR, oidc, []),
    aServer(cluster, NAME, oidc, [withSingleProxy(cluster, NAME, client, [EMAIL, USER])]),
  ];
  await kubectl(["apply", "-f", "-"], { apiVersion: "v1", kind: "List", items });
  await kubectl(["rollout", "status", `deployment/${login.name}`, "--timeout=5m"]);
  for (const name of [NAME, NEIGHBOUR]) {
    await kubectl(["wait", `jupyterserver/${name}`, "--for=condition=Ready", "--timeout=5m"]);
  }
  const make = `head -c ${FILE.bytes} /dev/urandom > ${FILE.name}`;
  await kubectl(["exec", `${NAME}-0`, "-c", CONTAINERS.jupyter, "--", "sh", "-c", make]);
  const url = `${ingressUrl}${PATH}`;
  for (const page of [`${url}/api/sessions`, `http://${login.host}:${new URL(ingressUrl).port}/jwks`]) {
    await untilServed(page, signal);
  }
  const cookie = await signInAtDemo(`${url}/lab`);
  const usage = await usageOf(cluster);
  const jsonPath = `jsonpath={.data.${SECRET_KEYS.activityKey}}`;
  const activityKey = Buffer.from(await kubectl(["get", "secret", NAME, "-o", jsonPath]), "base64").toString();
  const kernelId = await startKernel(url, cookie);
  const cookies = { direct: cookie, chain: cookie, singleProxy: withKeptSession(cookie, usage.authorization) };
  return { origin: ingressUrl, cookies, file: FILE.name, kernelId, activityKey, usage };
}

/**
 * The cookies for the single proxy: oauth2-proxy's own session, which our chain keeps in the pod, in the place of the ticket
 * that the chain gives to browsers.
 */
function withKeptSession(cookie: string, authorization: ContainerUsage): string {
  const folder = `/proc/${authorization.processes()[0]}/root${SESSIONS_DIRECTORY}`;
  const [file = ""] = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const kept = JSON.parse(readFileSync(join(folder, file), "utf8")) as { readonly cookie: string }; // of KeptSession
  const ticket = kept.cookie.slice(0, kept.cookie.indexOf("=") + 1);
  const others = cookie.split("; ").filter((pair) => !pair.startsWith(ticket));
  return [...others, kept.cookie].join("; ");
}

/** The ingress controller may take a moment longer to read an Ingress than pods take to be ready. */
async function untilServed(url: string, signal: AbortSignal): Promise<void> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await sleep(250)) {
    signal.throwIfAborted();
    const { status } = await askIngress(url);
    if (status !== 404 && status < 500) return;
  }
  throw new Error(`nothing answers at ${url}`);
}

async function startKernel(url: string, cookie: string): Promise<string> {
  const xsrf = /(?:^|; )_xsrf=([^;]+)/.exec(cookie)?.[1] ?? "";
  const headers = { cookie, "X-XSRFToken": xsrf };
  const response = await askIngress(`${url}/api/kernels`, { method: "POST", headers, body: "{}" });
  if (response.status !== 201) throw new Error(`no kernel: ${response.status} ${await response.text()}`);
  const { id } = (await response.json()) as { id: string }; // of Jupyter's API
  return id;
}

type PodWithContainers = {
  readonly status: {
    readonly containerStatuses: readonly { readonly name: string; readonly containerID: string }[];
  };
};

async function usageOf({ name, kubectl }: RealCluster): Promise<LoginServer["usage"]> {
  const { status } = JSON.parse(await kubectl(["get", "pod", `${NAME}-0`, "-o", "json"])) as PodWithContainers;
  const usageOfPart = (part: Part): ContainerUsage => {
    const found = status.containerStatuses.find((container) => container.name === part);
    if (found === undefined) throw new Error(`the pod has no container ${part}`);
    return new ContainerUsage(name, found.containerID);
  };
  return byPart(usageOfPart);
}
