import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binaryPath } from "@amalthea/cluster";
import { oauth2ProxyArgs, traefikDynamicConfig, traefikStaticConfig, type LoginSettings } from "./chain-config.ts";
import { startIdentityProvider, type Account, type IdentityProvider } from "./identity-provider.ts";
import { createPolicyMount, writeVersion } from "./policy-mount.ts";
import { eventually, startProgram, type Program } from "./program.ts";
import { startRecordingUpstream, type RecordingUpstream } from "./recording-upstream.ts";
import { signIn, type Login } from "./sign-in.ts";

/** The whole access chain of one server, with the real proxies and a real provider, on loopback. */
export type Chain = {
  readonly settings: LoginSettings;
  /** Scheme, host and port people use. */
  readonly origin: string;
  /** As in `Host`. */
  readonly host: string;
  readonly upstream: RecordingUpstream;
  readonly signIn: (account: string, path?: string) => Promise<Login>;
  readonly setPolicy: (policy: unknown) => Promise<void>;
  /** What the authorization service has logged. */
  readonly log: () => string;
  readonly programs: Readonly<Record<ProgramName, Program>>;
  /** Starts a stopped program again. */
  readonly restart: (name: ProgramName) => Promise<void>;
  readonly provider: IdentityProvider;
  readonly close: () => Promise<void>;
};

type ProgramName = "traefik" | "oauth2Proxy" | "authorization";

export type ChainOptions = {
  readonly basePath: string;
  readonly accounts: Readonly<Record<string, Account>>;
  readonly policy: unknown;
  /** Go duration; a short one lets a session end within a test. */
  readonly cookieExpire?: string;
  /** A real Jupyter that runs already; without it the recording upstream stands in its place. */
  readonly jupyterPort?: number;
  /** Of the authorization service. */
  readonly env?: Readonly<Record<string, string>>;
};

const AUTHORIZATION_MAIN = fileURLToPath(import.meta.resolve("../../authorization/src/main.ts"));

export async function startChain(options: ChainOptions): Promise<Chain> {
  const { basePath } = options;
  const folder = await mkdtemp(join(tmpdir(), "amalthea-chain-"));
  const upstream = await startRecordingUpstream();
  const [traefik, probe, oauth2Proxy, authorization] = await freePorts();
  const ports = { traefik, probe, oauth2Proxy, authorization, jupyter: options.jupyterPort ?? upstream.port };
  const host = `localhost:${traefik}`;
  const origin = `http://${host}`;
  const prefix = basePath === "/" ? "" : basePath;
  const provider = await startIdentityProvider(options.accounts, `${origin}${prefix}/oauth2/callback`);
  const settings: LoginSettings = {
    basePath,
    hosts: ["localhost"],
    ports,
    externalOrigin: origin,
    issuerUrl: provider.issuerUrl,
    clientId: provider.clientId,
    cookieName: `${basePath === "/" ? "__Host-" : "__Secure-"}amalthea-test`,
    cookieExpire: options.cookieExpire ?? "12h",
  };
  const policyDirectory = join(folder, "policy");
  await createPolicyMount(policyDirectory, options.policy);
  await writeTraefikFiles(folder, settings);

  const secrets = {
    OAUTH2_PROXY_CLIENT_SECRET: provider.clientSecret,
    OAUTH2_PROXY_COOKIE_SECRET: randomBytes(16).toString("hex"),
  };
  const authorizationEnv = { ...environment(settings, policyDirectory), ...options.env };
  const start: Record<ProgramName, () => Promise<Program>> = {
    traefik: () => startProgram([program("traefik"), `--configFile=${join(folder, "traefik.yml")}`], {}, traefik),
    oauth2Proxy: () => startProgram([program("oauth2-proxy"), ...oauth2ProxyArgs(settings)], secrets, oauth2Proxy),
    authorization: () => startProgram([process.execPath, AUTHORIZATION_MAIN], authorizationEnv, authorization),
  };
  const started = await Promise.all([start.traefik(), start.oauth2Proxy(), start.authorization()]);
  const programs = { traefik: started[0], oauth2Proxy: started[1], authorization: started[2] };
  await eventually("traefik knows its routes", () => asksForLogin(`${origin}${prefix}/api`));
  return {
    settings,
    origin,
    host,
    upstream,
    provider,
    programs,
    signIn: (account, path = `${prefix}/lab`) => signIn(`${origin}${path}`, account),
    setPolicy: (policy) => writeVersion(policyDirectory, policy),
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

function environment(
  { basePath, cookieName, ports, externalOrigin }: LoginSettings,
  policyDirectory: string,
): Readonly<Record<string, string>> {
  return {
    AMALTHEA_SERVER_NAME: "test-server",
    AMALTHEA_COOKIE_NAME: cookieName,
    AMALTHEA_BASE_PATH: basePath,
    AMALTHEA_ORIGINS: externalOrigin,
    AMALTHEA_POLICY_DIRECTORY: policyDirectory,
    AMALTHEA_LISTEN: `127.0.0.1:${ports.authorization}`,
    AMALTHEA_LOGIN_URL: `http://127.0.0.1:${ports.oauth2Proxy}`,
    AMALTHEA_JUPYTER_URL: `http://127.0.0.1:${ports.jupyter}`,
  };
}

/** traefik listens before it has read its routes. */
async function asksForLogin(url: string): Promise<boolean> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status === 401;
}

async function writeTraefikFiles(folder: string, settings: LoginSettings): Promise<void> {
  const dynamicFolder = join(folder, "dynamic");
  await mkdir(dynamicFolder);
  await writeFile(join(dynamicFolder, "chain.yml"), JSON.stringify(traefikDynamicConfig(settings)));
  await writeFile(join(folder, "traefik.yml"), JSON.stringify(traefikStaticConfig(settings, dynamicFolder)));
}

/** The program to test with: named by the environment, or the one the cluster uses. */
function program(name: "traefik" | "oauth2-proxy"): string {
  const variable = { traefik: "AMALTHEA_TRAEFIK", "oauth2-proxy": "AMALTHEA_OAUTH2_PROXY" }[name];
  return process.env[variable] ?? binaryPath(name);
}

/** Four ports that were free a moment ago. */
async function freePorts(): Promise<readonly [number, number, number, number]> {
  const holders = [createServer(), createServer(), createServer(), createServer()] as const;
  const numbers = holders.map(async (holder) => {
    holder.listen(0, "127.0.0.1");
    await once(holder, "listening");
    return (holder.address() as AddressInfo).port; // it listens on TCP
  });
  const [a = 0, b = 0, c = 0, d = 0] = await Promise.all(numbers);
  await Promise.all(holders.map((holder) => new Promise<void>((resolve) => void holder.close(() => resolve()))));
  return [a, b, c, d];
}
