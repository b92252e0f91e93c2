import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { KubeConfigError } from "./errors.ts";

/** How to reach an API server, and as whom. */
export type KubeConfig = {
  /** `https://host:port`, possibly with a path before `/api`. */
  readonly server: string;
  /** PEM of the authorities to trust; read again from time to time. Absent: the system's. */
  readonly readCa?: (() => Promise<string>) | undefined;
  /** The bearer token; read again from time to time. */
  readonly readToken?: (() => Promise<string>) | undefined;
  readonly clientCertificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Name to check the server's certificate against, if not its host. */
  readonly tlsServerName?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** The namespace that the context or the pod is in; `default` if neither says. */
  readonly namespace: string;
};

/** @see https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ where a pod finds its credentials */
const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The configuration of a pod, from its service account.
 * @param env Of it `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` are read.
 * @returns undefined outside a pod.
 * @throws KubeConfigError if the service account is not mounted.
 */
export async function inClusterConfig(
  env: Readonly<Record<string, string | undefined>>,
  directory: string = SERVICE_ACCOUNT_DIRECTORY,
): Promise<KubeConfig | undefined> {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"];
  if (host === undefined || host === "" || port === undefined || port === "") return undefined;
  const readToken = readText(resolve(directory, "token"), "the service account's token");
  const readCa = readText(resolve(directory, "ca.crt"), "the certificate authority");
  await Promise.all([readToken(), readCa()]); // fail at start, not at the first request
  const namespace = await readText(resolve(directory, "namespace"), "the pod's namespace")();
  return { server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`, readCa, readToken, namespace };
}

type Context = { readonly cluster?: string; readonly user?: string; readonly namespace?: string };
type Cluster = {
  readonly server?: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "tls-server-name"?: string;
};
type User = {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
};

/** Fields of a user or a cluster that, if ignored, would make us another user, or connect differently from kubectl. */
const UNSUPPORTED: readonly string[] = [
  ...["exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra", "proxy-url"],
];

type Entry<Field extends string, Value> = { readonly name?: string } & { readonly [F in Field]?: Value };
type KubeConfigFile = {
  readonly "current-context"?: string;
  readonly contexts?: readonly Entry<"context", Context>[];
  readonly clusters?: readonly Entry<"cluster", Cluster>[];
  readonly users?: readonly Entry<"user", User>[];
};

/**
 * Reads a kubeconfig file: server, certificate authority, token or client certificate, in files or inline.
 * @param contextName Default: `current-context`.
 * @throws KubeConfigError if the file is absent or no kubeconfig, has no such context, or uses what is not supported: a
 *   credential plugin, a password, impersonation or a proxy.
 */
export async function readKubeConfig(path: string, contextName?: string): Promise<KubeConfig> {
  const file = await parseFile(path);
  const name = contextName ?? file["current-context"];
  if (name === undefined || name === "") throw new KubeConfigError(`${path} has no current-context: name a context`);
  const context = entry(file.contexts, "context", name, path);
  const cluster = entry(file.clusters, "cluster", context.cluster ?? "", path);
  const user = context.user === undefined ? {} : entry(file.users, "user", context.user, path);
  refuseUnsupported(user, `user "${context.user}" of ${path}`, "use a token or a client certificate");
  refuseUnsupported(cluster, `cluster "${context.cluster}" of ${path}`, "name the API server's own address");
  if (cluster.server === undefined || !URL.canParse(cluster.server)) {
    throw new KubeConfigError(`cluster "${context.cluster}" of ${path} has no server address`);
  }
  const readCa = material(path, cluster, "certificate-authority");
  await readCa?.();
  return {
    server: cluster.server,
    readCa,
    readToken: tokenReader(path, user),
    clientCertificate: await clientCertificate(path, user),
    tlsServerName: cluster["tls-server-name"],
    insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"] === true,
    namespace: context.namespace ?? "default",
  };
}

async function parseFile(path: string): Promise<KubeConfigFile> {
  let file: unknown;
  try {
    file = parse(await readFile(path, "utf8"));
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new KubeConfigError(absent ? `kubeconfig ${path} does not exist` : `kubeconfig ${path} cannot be read`, {
      cause: error,
    });
  }
  if (typeof file !== "object" || file === null) throw new KubeConfigError(`${path} is not a kubeconfig`);
  return file;
}

function entry<Field extends "context" | "cluster" | "user", Value>(
  entries: readonly Entry<Field, Value>[] | undefined,
  field: Field,
  name: string,
  path: string,
): Value {
  const found = entries?.find((candidate) => candidate.name === name)?.[field] as Value | undefined;
  if (found === undefined || found === null) throw new KubeConfigError(`${path} has no ${field} "${name}"`);
  return found;
}

function refuseUnsupported(fields: object, whose: string, instead: string): void {
  const field = Object.keys(fields).find((name) => UNSUPPORTED.includes(name));
  if (field !== undefined) throw new KubeConfigError(`${whose} has "${field}", which is not supported: ${instead}`);
}

/** A reader of `field` (a file) or `field`-data (base64), which takes precedence if both are given, as in kubectl. */
function material<Field extends string>(
  path: string,
  source: { readonly [F in Field | `${Field}-data`]?: string },
  field: Field,
): (() => Promise<string>) | undefined {
  const data: string | undefined = source[`${field}-data`];
  if (data !== undefined) return async () => Buffer.from(data, "base64").toString("utf8");
  const file: string | undefined = source[field];
  return file === undefined ? undefined : readText(resolve(dirname(path), file), field);
}

function tokenReader(path: string, user: User): (() => Promise<string>) | undefined {
  const { token, tokenFile } = user;
  if (tokenFile !== undefined) return readText(resolve(dirname(path), tokenFile), "the token");
  return token === undefined ? undefined : async () => token;
}

async function clientCertificate(path: string, user: User): Promise<{ cert: string; key: string } | undefined> {
  const readCert = material(path, user, "client-certificate");
  const readKey = material(path, user, "client-key");
  if (readCert === undefined || readKey === undefined) return undefined;
  return { cert: await readCert(), key: await readKey() };
}

function readText(path: string, what: string): () => Promise<string> {
  return async () => {
    try {
      return (await readFile(path, "utf8")).trim();
    } catch (error) {
      throw new KubeConfigError(`cannot read ${what} from ${path}`, { cause: error });
    }
  };
}
