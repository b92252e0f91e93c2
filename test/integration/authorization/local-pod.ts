import { CONTAINERS, PORTS, routeOf, SECRET_KEYS, type Oidc } from "@amalthea/api";
import type { Container, EnvVar } from "kubernetes-types/core/v1.js";
import { ROUTES_ANNOTATION } from "../../../controller/src/decide/children/sidecars/traefik.ts";
import { POLICY_KEY } from "../../../controller/src/decide/children/sidecars/authorization.ts";
import { desiredChildren, type Desired } from "../../../controller/src/decide/children/desired.ts";
import { valueAt } from "../../../controller/src/decide/values/json.ts";
import { parseQuantity } from "../../../controller/src/decide/values/quantity.ts";
import { aServer, someSettings } from "../../../controller/src/decide/testing/builders.ts";

/** The parts of the pod that listen, each on a port of its own. */
export type LocalPorts = {
  readonly traefik: number;
  readonly probe: number;
  readonly oauth2Proxy: number;
  readonly authorization: number;
  readonly jupyter: number;
};

/** What differs between the servers that tests start. */
export type LocalServer = {
  readonly basePath: string;
  readonly origin: string;
  readonly issuerUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who may enter. */
  readonly criteria: Partial<Oidc>;
  /** oauth2-proxy's arguments after the controller's own. */
  readonly loginArgs: readonly string[];
};

/** Where the files of the pod's volumes lie on this machine. */
export type LocalFolders = { readonly routes: string; readonly policy: string; readonly sessions: string };

/** Arguments and environment of a container, as the kubelet hands them to its program, and how much memory it may take. */
export type Launch = {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMebibytes: number;
};

/** The access chain of a pod as the controller wants it, moved to loopback. */
export type LocalPod = {
  readonly traefik: Launch;
  readonly oauth2Proxy: Launch;
  readonly authorization: Launch;
  /** The file with traefik's routes. */
  readonly routes: string;
  /** The policy file. */
  readonly policy: string;
  readonly cookieName: string;
};

/**
 * What the controller makes of a server, with nothing but ports and folders changed: in a pod they are fixed, and on
 * one machine several chains run side by side.
 *
 * @param cookieSecret What the controller would have drawn at random.
 */
export function localPod(local: LocalServer, ports: LocalPorts, folders: LocalFolders, cookieSecret: string): LocalPod {
  const { statefulSet, configMap } = childrenOf(local);
  const template = valueAt(statefulSet, "spec", "template");
  const containers = valueAt(template, "spec", "containers") as readonly Container[]; // as the controller made them
  const moved = relocation(ports, containers, folders);
  const secrets = {
    [SECRET_KEYS.oauth2ProxyCookieSecret]: cookieSecret,
    [SECRET_KEYS.oidcClientSecret]: local.clientSecret,
    [SECRET_KEYS.activityKey]: "0123456789abcdef".repeat(4),
  };
  const launch = (name: string): Launch => {
    const { args = [], env = [], resources } = containerOf(containers, name);
    return {
      memoryMebibytes: Number(parseQuantity(resources?.limits?.["memory"]) ?? 0n) / 2 ** 20 / 1e9,
      args: args.map((arg) => moved(expanded(arg))),
      env: Object.fromEntries(env.map((variable) => [variable.name, moved(valueOf(variable, secrets))])),
    };
  };
  const authorization = launch(CONTAINERS.authorization);
  return {
    traefik: launch(CONTAINERS.authProxy),
    oauth2Proxy: launch(CONTAINERS.oauth2Proxy),
    authorization: { ...authorization, env: { ...authorization.env, ...addresses(ports) } },
    routes: moved(textAt(template, "metadata", "annotations", ROUTES_ANNOTATION)),
    policy: textAt(configMap, "data", POLICY_KEY),
    cookieName: authorization.env["AMALTHEA_COOKIE_NAME"] ?? "",
  };
}

/** The policy that the controller writes for these criteria. */
export function policyFor(local: LocalServer): string {
  return textAt(childrenOf(local).configMap, "data", POLICY_KEY);
}

function childrenOf(local: LocalServer): { readonly statefulSet: unknown; readonly configMap: unknown } {
  const { basePath, origin, issuerUrl, clientId, clientSecret, criteria, loginArgs } = local;
  const server = aServer({
    metadata: { name: "test-server", uid: "test" },
    routing: { host: new URL(origin).hostname, path: basePath, externalUrl: origin },
    oidc: { enabled: true, issuerUrl, clientId, clientSecret: { value: clientSecret }, ...criteria },
  });
  const settings = someSettings({ sidecars: { oauth2Proxy: { extraArgs: loginArgs } } });
  const desired: Desired = desiredChildren(server, settings, {
    wanted: routeOf(server),
    served: undefined,
    kept: undefined,
  });
  if (desired.kind !== "Rendered") throw new Error(`the controller refuses the server: ${JSON.stringify(desired)}`);
  const child = (key: string): unknown => desired.children.find(({ childKey }) => childKey === key)?.manifest;
  return { statefulSet: child("statefulset"), configMap: child("configmap") };
}

/** Replaces the pod's ports by local ones, and the mount points of volumes by folders. */
function relocation(
  ports: LocalPorts,
  containers: readonly Container[],
  folders: LocalFolders,
): (text: string) => string {
  const localPorts: Readonly<Record<string, number>> = {
    [PORTS.authProxy]: ports.traefik,
    [PORTS.probe]: ports.probe,
    [PORTS.oauth2Proxy]: ports.oauth2Proxy,
    [PORTS.authorization]: ports.authorization,
    [PORTS.jupyter]: ports.jupyter,
  };
  const isPort = new RegExp(`(?<=(=|127\\.0\\.0\\.1):)(${Object.keys(localPorts).join("|")})\\b`, "g");
  const routesMount = mountPath(containers, CONTAINERS.authProxy);
  const policyMount = mountPath(containers, CONTAINERS.authorization);
  const sessionsMount = mountPath(containers, CONTAINERS.authorization, 1);
  return (text) =>
    text
      .replaceAll(isPort, (port) => String(localPorts[port]))
      .replaceAll(routesMount, folders.routes)
      .replaceAll(policyMount, folders.policy)
      .replaceAll(sessionsMount, folders.sessions);
}

function mountPath(containers: readonly Container[], name: string, index = 0): string {
  const mount = containerOf(containers, name).volumeMounts?.[index];
  if (mount === undefined) throw new Error(`${name} should have a mount`);
  return mount.mountPath;
}

function containerOf(containers: readonly Container[], name: string): Container {
  const container = containers.find((one) => one.name === name);
  if (container === undefined) throw new Error(`the pod has no container ${name}`);
  return container;
}

/** In a pod the service's defaults say the same with the pod's ports. */
function addresses(ports: LocalPorts): Readonly<Record<string, string>> {
  return {
    AMALTHEA_ACTIVITY_PORT: "0",
    AMALTHEA_LISTEN: `127.0.0.1:${ports.authorization}`,
    AMALTHEA_LOGIN_URL: `http://127.0.0.1:${ports.oauth2Proxy}`,
    AMALTHEA_JUPYTER_URL: `http://127.0.0.1:${ports.jupyter}`,
  };
}

function valueOf({ name, value, valueFrom }: EnvVar, secrets: Readonly<Record<string, string>>): string {
  if (value !== undefined) return expanded(value);
  const secret = secrets[valueFrom?.secretKeyRef?.key ?? ""];
  if (secret === undefined) throw new Error(`${name} comes from a place this pod does not have`);
  return secret;
}

/** The kubelet writes `$` for `$$`; other variables are not meant to be put into our arguments. */
function expanded(text: string): string {
  return text.replaceAll("$$", () => "$");
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const text = valueAt(value, ...path);
  if (typeof text !== "string") throw new Error(`there is no text at ${path.join("/")}`);
  return text;
}
