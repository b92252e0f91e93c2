import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { prefixOf, type Oidc } from "@amalthea/api";
import { binaryPath, freePort } from "@amalthea/cluster";
import {
  startIdentityProvider,
  type Account,
  type IdentityProvider,
  type ProviderOptions,
} from "./identity-provider.ts";
import { localPod, policyFor, type LocalPorts } from "./local-pod.ts";
import { createPolicyMount, writeVersion } from "./policy-mount.ts";
import { eventually, startProgram, type Program } from "./program.ts";
import { startRecordingUpstream, type RecordingUpstream } from "./recording-upstream.ts";
import { signIn, type Login } from "./sign-in.ts";

/** The whole access chain of one server as the controller configures it, with a real provider, on loopback. */
export type Chain = {
  readonly ports: LocalPorts;
  readonly cookieName: string;
  /** Scheme, host and port people use. */
  readonly origin: string;
  /** As in `Host`. */
  readonly host: string;
  readonly upstream: RecordingUpstream;
  readonly signIn: (account: string, path?: string) => Promise<Login>;
  /** Changes who may enter, as a change of the server's spec does. */
  readonly setCriteria: (criteria: Partial<Oidc>) => Promise<void>;
  /** Writes a policy file that the controller would not write. */
  readonly setPolicy: (text: string) => Promise<void>;
  /** What the authorization service has logged. */
  readonly log: () => string;
  readonly programs: Readonly<Record<ProgramName, Program>>;
  /** Limits of the containers, in MiB. */
  readonly memoryLimits: Readonly<Record<ProgramName, number>>;
  /** Starts a stopped program again. */
  readonly restart: (name: ProgramName) => Promise<void>;
  readonly provider: IdentityProvider;
  readonly close: () => Promise<void>;
};

type ProgramName = "traefik" | "oauth2Proxy" | "authorization";

export type ChainOptions = {
  readonly basePath: string;
  readonly accounts: Readonly<Record<string, Account>>;
  /** Who may enter. */
  readonly criteria: Partial<Oidc>;
  /** oauth2-proxy's arguments after the controller's own, such as a session that ends within a test. */
  readonly loginArgs?: readonly string[];
  /** What differs between providers. */
  readonly provider?: ProviderOptions;
  /** Of the authorization service. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where Jupyter listens; default: the recording upstream. */
  readonly jupyterPort?: number;
};

const AUTHORIZATION_MAIN = fileURLToPath(import.meta.resolve("../../../authorization/src/main.ts"));

export async function startChain(options: ChainOptions): Promise<Chain> {
  const { basePath, criteria, loginArgs = [] } = options;
  const prefix = prefixOf(basePath);
  const folder = await mkdtemp(join(tmpdir(), "amalthea-chain-"));
  const folders = {
    routes: join(folder, "routes"),
    policy: join(folder, "policy"),
    sessions: join(folder, "sessions"),
  };
  const upstream = await startRecordingUpstream();
  const [traefik, probe, oauth2Proxy, authorization] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const ports = { traefik, probe, oauth2Proxy, authorization, jupyter: options.jupyterPort ?? upstream.port };
  const host = `localhost:${traefik}`;
  const origin = `http://${host}`;
  const provider = await startIdentityProvider(
    options.accounts,
    `${origin}${prefix}/oauth2/callback`,
    options.provider,
  );
  const { issuerUrl, clientId, clientSecret } = provider;
  const server = { basePath, origin, issuerUrl, clientId, clientSecret, criteria, loginArgs };
  const pod = localPod(server, ports, folders, randomBytes(16).toString("hex"));
  await createPolicyMount(folders.policy, pod.policy);
  await Promise.all([mkdir(folders.routes), mkdir(folders.sessions)]);
  await writeFile(join(folders.routes, "routes.yaml"), pod.routes);

  const authorizationEnv = { ...pod.authorization.env, ...options.env };
  const start: Record<ProgramName, () => Promise<Program>> = {
    traefik: () => startProgram([program("traefik"), ...pod.traefik.args], pod.traefik.env, traefik),
    oauth2Proxy: () =>
      startProgram([program("oauth2-proxy"), ...pod.oauth2Proxy.args], pod.oauth2Proxy.env, oauth2Proxy),
    authorization: () => startProgram([process.execPath, AUTHORIZATION_MAIN], authorizationEnv, authorization),
  };
  const started = await Promise.all([start.traefik(), start.oauth2Proxy(), start.authorization()]);
  const programs = { traefik: started[0], oauth2Proxy: started[1], authorization: started[2] };
  await eventually("traefik knows its routes", () => asksForLogin(`${origin}${prefix}/api`));
  return {
    ports,
    cookieName: pod.cookieName,
    origin,
    host,
    upstream,
    provider,
    programs,
    memoryLimits: {
      traefik: pod.traefik.memoryMebibytes,
      oauth2Proxy: pod.oauth2Proxy.memoryMebibytes,
      authorization: pod.authorization.memoryMebibytes,
    },
    signIn: (account, path = `${prefix}/lab`) => signIn(`${origin}${path}`, account),
    setCriteria: (changed) => writeVersion(folders.policy, policyFor({ ...server, criteria: changed })),
    setPolicy: (text) => writeVersion(folders.policy, text),
    log: () => programs.authorization.output(),
    restart: async (name) => {
      programs[name] = await start[name]();
    },
    close: async () => {
      await Promise.all(Object.values(programs).map(({ stop }) => stop()));
      await Promise.all([upstream.close(), provider.close()]);
      await rm(folder, { recursive: true });
    },
  };
}

/** traefik listens before it has read its routes. */
async function asksForLogin(url: string): Promise<boolean> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status === 401;
}

/** The program to test with: named by the environment, or the one the cluster uses. */
export function program(name: "traefik" | "oauth2-proxy"): string {
  const variable = { traefik: "AMALTHEA_TRAEFIK", "oauth2-proxy": "AMALTHEA_OAUTH2_PROXY" }[name];
  return process.env[variable] ?? binaryPath(name);
}
