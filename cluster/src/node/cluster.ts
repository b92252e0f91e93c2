import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addOnObjects } from "./add-ons.ts";
import { binaryPath, buildCluster } from "../build/build.ts";
import { type ComponentSettings, componentStages, isNodePort, type ServingComponent } from "./components.ts";
import { makeGroup } from "./cgroups.ts";
import { ClusterError } from "../errors.ts";
import { isPortFree } from "../control-plane/free-port.ts";
import { loadImage, loadPauseImage } from "./images.ts";
import { stateFolder } from "../locations.ts";
import { withLock } from "../lock.ts";
import { logFile, ensureComponent, findNode, type Node, runningComponents, startNode, stopNode } from "./node.ts";
import { kubeconfigPath, writeNodeFiles } from "./files.ts";
import { chooseNetwork, connectNode, disconnectNode, findNetwork, type NodeNetwork } from "./network.ts";
import { isRunning } from "./process-record.ts";
import { type Progress, silent, step } from "../progress.ts";
import { checkClusterName, checkClusterRequirements, checkInotify } from "../build/requirements.ts";
import { run, type RunOptions, type RunResult } from "../run.ts";
import { waitUntil } from "../wait.ts";

/** Name of the cluster that is meant when none is named. */
export const defaultClusterName = "default";

const startTimeoutSeconds = 120;

/** What a cluster is started with; everything is optional. */
export type UpOptions = {
  /** Up to 20 lower-case letters, digits and hyphens. Default "default". */
  readonly name?: string;
  /** Port of this machine's loopback interface that leads to the ingress. Default: the one it had, else one from 8080. */
  readonly port?: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
};

/** A running cluster. */
export interface Cluster {
  readonly name: string;
  /** Kubeconfig of an administrator, for use on this machine. */
  readonly kubeconfigPath: string;
  /** URL of the ingress controller on this machine, without a slash at its end; NAME.localhost leads there as well. */
  readonly ingressUrl: string;
  readonly ingressPort: number;
  /** Address of the node as this machine sees it; the ingress controller also listens on its port 80. */
  readonly nodeAddress: string;
  /** Address of this machine as the node and its pods see it. */
  readonly hostAddress: string;
  /** One JSON object for each request, level Metadata. */
  readonly auditLogPath: string;
  /** Folder with `kubectl` and `helm`. */
  readonly toolsPath: string;
  kubectl(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  helm(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Makes an image available under the name that objects use: see {@link loadImage} in images.ts. */
  loadImage(archive: string, reference: string, signal?: AbortSignal): Promise<void>;
  /** Ends the cluster and removes its data. */
  down(): Promise<void>;
}

async function withClusterLock<T>(name: string, options: UpOptions, action: () => Promise<T>): Promise<T> {
  const waits = (): void => options.progress?.(`  … waiting for another command on the cluster ${name} to finish`);
  return await withLock(`/run/lock/amalthea-${name}.lock`, waits, action, options.signal);
}

const portFile = (name: string): string => join(stateFolder(name), "port");

function recordedPort(name: string): number | undefined {
  return existsSync(portFile(name)) ? Number(readFileSync(portFile(name), "utf8")) : undefined;
}

function clusterOf(name: string, node: Node, network: NodeNetwork, ingressPort: number): Cluster {
  const { folder } = node;
  const kubeconfig = kubeconfigPath(folder, "admin");
  const helmFolders = Object.fromEntries(
    ["CACHE", "CONFIG", "DATA"].map((kind) => [`HELM_${kind}_HOME`, join(folder, "helm", kind.toLowerCase())]),
  );
  return {
    ...{ name, kubeconfigPath: kubeconfig, ingressPort, ingressUrl: `http://localhost:${ingressPort}` },
    ...{ nodeAddress: network.nodeAddress, hostAddress: network.hostAddress },
    auditLogPath: join(folder, "audit.log"),
    toolsPath: join(folder, "tools"),
    kubectl: (args, options) =>
      run(binaryPath("kubernetes"), ["kubectl", ...args], {
        ...options,
        env: { ...options?.env, KUBECONFIG: kubeconfig },
      }),
    helm: (args, options) =>
      run(binaryPath("helm"), args, { ...options, env: { ...options?.env, ...helmFolders, KUBECONFIG: kubeconfig } }),
    loadImage: (archive, reference, signal) => loadImage(node, archive, reference, signal),
    down: () => down(name),
  };
}

/** A running cluster by its name. Throws ClusterError when there is none. */
export function openCluster(name: string = defaultClusterName): Cluster {
  checkClusterName(name);
  const [node, network, port] = [findNode(name), findNetwork(name), recordedPort(name)];
  if (node === undefined || network === undefined || port === undefined || !isRunning(node.init)) {
    throw new ClusterError(`The cluster ${name} is not running: start it with \`npm run cluster up\`.`);
  }
  return clusterOf(name, node, network, port);
}

/** A port from 8080 that is free, unless one is asked for or was used before. */
async function choosePort(name: string, requested: number | undefined): Promise<number> {
  const [recorded, node] = [recordedPort(name), findNode(name)];
  const isOurs = node !== undefined && runningComponents(node).some((component) => component.name === "publish-port");
  const isUsable = async (port: number): Promise<boolean> => (isOurs && port === recorded) || (await isPortFree(port));
  if (requested !== undefined) {
    if (isNodePort(requested)) throw new ClusterError(`Port ${requested} is one of the node's own: choose another.`);
    if (await isUsable(requested)) return requested;
    throw new ClusterError(`Port ${requested} of this machine is in use: choose another with --port.`);
  }
  for (const port of [recorded ?? 8080, ...Array.from({ length: 100 }, (_, index) => 8080 + index)]) {
    if (await isUsable(port)) return port;
  }
  throw new ClusterError("The ports 8080 to 8179 of this machine are in use: choose another with --port.");
}

async function ensureNode(name: string, network: NodeNetwork): Promise<Node> {
  const last = findNode(name);
  const runs = last !== undefined && isRunning(last.init);
  if (last !== undefined && !runs) await stopNode(last); // it was killed, or the machine was restarted
  if (!runs) checkInotify();
  const node = runs ? last : await startNode(name);
  makeGroup(node.podGroup);
  await connectNode(network, node.init.pid);
  return node;
}

async function startComponent(node: Node, component: ServingComponent, options: UpOptions): Promise<void> {
  await step(options.progress ?? silent, `${component.name} ready`, async (waitingFor) => {
    waitingFor(component.readiness);
    const running = await ensureComponent(node, component);
    const log = logFile(node.name, component.name);
    const isReady = async (): Promise<boolean> => {
      if (await component.isReady(node)) return true;
      if (!isRunning(running)) throw new ClusterError(`${component.name} ended unexpectedly: see ${log}.`);
      return false;
    };
    const what = `${component.name} at ${component.readiness} (log: ${log})`;
    await waitUntil(isReady, { what, timeoutSeconds: startTimeoutSeconds, signal: options.signal });
  });
}

/** Starts a stage together. The first failure ends the waiting for the others, and is thrown when none goes on. */
async function startStage(node: Node, stage: readonly ServingComponent[], options: UpOptions): Promise<void> {
  const abort = new AbortController();
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
  const failures: unknown[] = [];
  const starts = stage.map(async (component) => {
    await startComponent(node, component, { ...options, signal }).catch((error: unknown) => {
      failures.push(error);
      abort.abort(error);
    });
  });
  await Promise.all(starts);
  if (failures.length > 0) throw failures[0];
}

async function waitForNode(cluster: Cluster, options: UpOptions): Promise<void> {
  const { name } = cluster;
  await step(options.progress ?? silent, `node ${name} ready`, async (waitingFor) => {
    waitingFor(`the kubelet to report the node ${name} as Ready`);
    const since = Date.now();
    const isReady = async (): Promise<boolean> => {
      const condition = '{.status.conditions[?(@.type=="Ready")]}';
      const found = await cluster
        .kubectl(["get", "node", name, "-o", `jsonpath=${condition}`])
        .catch(() => ({ stdout: "" }));
      if (!found.stdout.includes('"status":"True"')) return false;
      // The status of a node from before it was killed does not count, but its lease, which it renews as soon as it is
      // back and every ten seconds; a new node gets its lease later than it is Ready.
      const lease = ["get", "lease", name, "--namespace=kube-node-lease", "--ignore-not-found"];
      const { stdout } = await cluster.kubectl([...lease, "-o", "jsonpath={.spec.renewTime}"]);
      return stdout === "" || Date.parse(stdout) > since - 15_000;
    };
    const what = `the node ${name} to be Ready (log: ${logFile(name, "kubelet")})`;
    const [{ signal }, intervalMilliseconds] = [options, 300];
    await waitUntil(isReady, { what, timeoutSeconds: startTimeoutSeconds, intervalMilliseconds, signal });
    const account = ["get", "serviceaccount", "default", "--namespace=default"];
    const hasAccount = (): Promise<boolean> =>
      cluster.kubectl(account).then(
        () => true,
        () => false,
      );
    const first = "the first ServiceAccount";
    await waitUntil(hasAccount, { what: first, timeoutSeconds: 60, intervalMilliseconds, signal });
  });
}

async function start(name: string, options: UpOptions): Promise<Cluster> {
  const progress = options.progress ?? silent;
  const network = await chooseNetwork(name);
  const ingressPort = await choosePort(name, options.port);
  const node = await ensureNode(name, network);
  writeFileSync(portFile(name), String(ingressPort));
  mkdirSync(join(node.folder, "volumes"), { recursive: true });
  const settings: ComponentSettings = { name, folder: node.folder, network, podGroup: node.podGroup, ingressPort };
  await step(progress, "certificates and configuration written", () => writeNodeFiles(settings));
  for (const stage of componentStages(settings)) {
    await startStage(node, stage, options);
  }
  const cluster = clusterOf(name, node, network, ingressPort);
  linkTools(cluster.toolsPath);
  await loadPauseImage(node);
  await step(progress, "storage class, ingress class and DNS present", async () => {
    await cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], { stdin: addOnObjects(network) });
  });
  await waitForNode(cluster, options);
  return cluster;
}

/** The programs that people and scripts call by name. */
function linkTools(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, path] of Object.entries({ kubectl: binaryPath("kubernetes"), helm: binaryPath("helm") })) {
    rmSync(join(folder, name), { force: true });
    symlinkSync(path, join(folder, name));
  }
}

/** Removes all of a cluster but its network, port and images. */
async function wipe(name: string): Promise<void> {
  const node = findNode(name);
  if (node !== undefined) await stopNode(node);
  const kept = new Set(["network", "port", "registry", "log"]);
  for (const entry of readdirSync(stateFolder(name))) {
    if (!kept.has(entry)) rmSync(join(stateFolder(name), entry), { recursive: true, force: true });
  }
}

/**
 * Starts a cluster, or what is missing of it, and returns when it is usable: about 20 seconds, after a first build of
 * about 12 minutes. A cluster that runs stays as it is; one that was killed, or went down with the machine, comes back
 * with its data, or without them if they cannot be read any more.
 *
 * Throws ClusterError: not root, a missing program, too little disk, a port in use, a component that does not start.
 */
export async function up(options: UpOptions = {}): Promise<Cluster> {
  const name = options.name ?? defaultClusterName;
  const progress = options.progress ?? silent;
  checkClusterRequirements(name);
  await buildCluster(progress, options.signal);
  return await withClusterLock(name, options, async () => {
    const isFresh = !existsSync(join(stateFolder(name), "etcd"));
    const wasRunning = isRunningNow(name);
    try {
      return await start(name, options);
    } catch (error) {
      if (isFresh || wasRunning || !(error instanceof ClusterError)) throw error;
      progress(`  … the cluster ${name} does not come back (${error.message}): recreating it`);
      await wipe(name);
      return await start(name, options);
    }
  });
}

function isRunningNow(name: string): boolean {
  const node = findNode(name);
  return node !== undefined && isRunning(node.init);
}

/** Ends a cluster and removes its data, however much or little of it is there. */
export async function down(name: string = defaultClusterName, progress: Progress = silent): Promise<void> {
  checkClusterName(name);
  if (!exists(name)) return progress(`  ✓ no cluster ${name} to remove`);
  if (process.getuid?.() !== 0) throw new ClusterError("The cluster must be stopped by root (try `sudo`).");
  await withClusterLock(name, { progress }, async () => {
    await step(progress, `cluster ${name} removed`, async () => {
      const [node, network] = [findNode(name), findNetwork(name)];
      if (node !== undefined) await stopNode(node);
      if (network !== undefined) await disconnectNode(network);
      rmSync(stateFolder(name), { recursive: true, force: true });
    });
  });
}

/** Whether there is anything of a cluster that {@link down} would remove: running or not. */
export function exists(name: string = defaultClusterName): boolean {
  return existsSync(stateFolder(name));
}

/** One line of {@link status}. */
export type ComponentStatus = { readonly name: string; readonly pid: number | undefined };

/** What runs of a cluster; undefined when there is nothing of it. */
export function status(name: string = defaultClusterName): readonly ComponentStatus[] | undefined {
  checkClusterName(name);
  const [node, network, port] = [findNode(name), findNetwork(name), recordedPort(name)];
  if (node === undefined || network === undefined || port === undefined) return undefined;
  const running = runningComponents(node);
  const settings = { name, folder: node.folder, network, podGroup: node.podGroup, ingressPort: port };
  const expected = componentStages(settings).flat();
  return expected.map((component) => ({
    name: component.name,
    pid: running.find((found) => found.name === component.name)?.process.pid,
  }));
}
