import { spawn } from "node:child_process";
import { request, type RequestOptions } from "node:http";
import { request as tlsRequest } from "node:https";
import { readObject } from "./read.ts";

/** What a user has at hand: kubectl and the address of the ingress controller. `npm test` sets the environment. */
export type TestCluster = {
  readonly kubeconfig: string;
  readonly context: string | undefined;
  /** Where the ingress controller listens, as `http://localhost:8080`. */
  readonly ingressUrl: string;
  /** The one namespace that tests use in a cluster of the user's; undefined where each test makes its own. */
  readonly namespace: string | undefined;
};

export const cluster: TestCluster = {
  kubeconfig: required("AMALTHEA_TEST_KUBECONFIG"),
  context: process.env["AMALTHEA_TEST_CONTEXT"],
  ingressUrl: required("AMALTHEA_TEST_INGRESS_URL"),
  namespace: process.env["AMALTHEA_TEST_NAMESPACE"],
};

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run the end-to-end tests by "npm test -- e2e"`);
  return value;
}

/** A kubectl command that failed, with what it printed. */
export class KubectlError extends Error {
  override readonly name = "KubectlError";
}

/** Runs kubectl against the cluster under test and returns its standard output. @throws KubectlError */
export async function kubectl(args: readonly string[], input = ""): Promise<string> {
  return run("kubectl", [...whichCluster, ...args], input);
}

const whichCluster: readonly string[] = [
  ...["--kubeconfig", cluster.kubeconfig],
  ...(cluster.context === undefined ? [] : ["--context", cluster.context]),
];

function run(command: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(Buffer.concat(out).toString());
      reject(new KubectlError(`kubectl ${args.slice(2).join(" ")}: ${Buffer.concat(err).toString().trim()}`));
    });
    child.stdin.end(input);
  });
}

/** What this test file has applied, in order. */
const applied: object[] = [];

/** Runs `kubectl apply` on a manifest given as an object. */
export async function apply(manifest: object, args: readonly string[] = []): Promise<void> {
  applied.push(manifest);
  await kubectl(["apply", "-f", "-", ...args], JSON.stringify(manifest));
}

/**
 * Reads an object; undefined if it is not there. The caller names the shape it relies on.
 * @param kind As kubectl takes it: `pod`, `jupyterserver`.
 */
export async function find<T>(kind: string, name: string, namespace: string): Promise<T | undefined> {
  return (await readObject(whichCluster, kind, name, namespace)) as T | undefined;
}

/** `find`. @throws Error if the object is not there. */
export async function get<T>(kind: string, name: string, namespace: string): Promise<T> {
  const found = await find<T>(kind, name, namespace);
  if (found === undefined) throw new Error(`there is no ${kind} ${namespace}/${name}`);
  return found;
}

/** Names of the objects of some kinds that carry a label, as `kind/name`. */
export async function namesOf(kinds: string, namespace: string, selector: string): Promise<readonly string[]> {
  const text = await kubectl(["get", kinds, "-n", namespace, "-l", selector, "-o", "name"]);
  return text.split("\n").filter((line) => line !== "");
}

/** Waits as a user does: `kubectl wait`. @throws KubectlError after the time limit. */
export async function waitFor(resource: string, namespace: string, condition: string, seconds = 240): Promise<void> {
  await kubectl(["wait", resource, "-n", namespace, `--for=${condition}`, `--timeout=${seconds}s`]);
}

/** A namespace for one test file: its own, under Pod Security `restricted`, or the one that the user gave. */
export async function useNamespace(name: string): Promise<string> {
  if (cluster.namespace !== undefined) return cluster.namespace;
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  return name;
}

/** Removes what `useNamespace` made, or what this test file has applied in the user's namespace. */
export async function leaveNamespace(name: string): Promise<void> {
  if (name !== cluster.namespace) return void (await kubectl(["delete", "namespace", name, "--wait=false"]));
  const items = applied.splice(0);
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await kubectl(["delete", "--ignore-not-found", "--timeout=120s", "-f", "-"], list);
}

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};

/**
 * One HTTP request through the ingress controller; names under `.localhost` are this machine, as browsers have it.
 * By https any certificate will do.
 */
export function fetchThroughIngress(
  url: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    /** How long nothing may come; default 30. */
    readonly seconds?: number;
  } = {},
): Promise<Answer> {
  const target = new URL(url);
  const address =
    target.hostname === "localhost" || target.hostname.endsWith(".localhost") ? "127.0.0.1" : target.hostname;
  return new Promise((resolve, reject) => {
    const isTls = target.protocol === "https:";
    const seconds = options.seconds ?? 30;
    const asked: RequestOptions = {
      host: address,
      port: target.port,
      path: `${target.pathname}${target.search}`,
      method: options.method ?? "GET",
      headers: { host: target.host, ...options.headers },
      timeout: seconds * 1000,
    };
    const sent = isTls
      ? tlsRequest({ ...asked, servername: target.hostname, rejectUnauthorized: false })
      : request(asked);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on("timeout", () => sent.destroy(new Error(`${url} did not answer within ${seconds} s`)));
    sent.on("error", reject);
    sent.end(options.body);
  });
}

export { until } from "./until.ts";
