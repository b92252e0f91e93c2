import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binaryPath } from "../build/build.ts";
import { podGroup, removeGroup } from "./cgroups.ts";
import { ClusterError } from "../errors.ts";
import { packageFolder, stateFolder } from "../locations.ts";
import { isRunning, type ProcessRecord, recordProcess, stopProcess } from "./process-record.ts";
import { waitUntil } from "../wait.ts";

/**
 * A node: a process that holds a process, mount, network, host name and IPC namespace. Everything of the cluster runs
 * in them, so when it ends, the kernel ends every process and takes away every mount, interface and rule with it.
 */
export type Node = {
  readonly name: string;
  readonly folder: string;
  /** The first process of the namespaces. */
  readonly init: ProcessRecord;
  /** Control group of the pods. */
  readonly podGroup: string;
};

/** A program that runs on a node as long as the node does. */
export type Component = {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Files it reads at its start; when their content changes, it has to be started again. */
  readonly files?: readonly string[];
  /** Stay in the network and file system of this machine. Default false. */
  readonly onHost?: boolean;
};

const recordFile = (name: string): string => join(stateFolder(name), "node.json");

/** The last node of a cluster, running or not; undefined when there is none to clean up after. */
export function findNode(name: string): Node | undefined {
  try {
    return JSON.parse(readFileSync(recordFile(name), "utf8")) as Node; // written by startNode
  } catch {
    return undefined; // never started, or removed
  }
}

/** Path of the log of a component. */
export function logFile(name: string, component: string): string {
  return join(stateFolder(name), "log", `${component}.log`);
}

async function onlyChild(parent: ChildProcess, failure: string): Promise<ProcessRecord> {
  let child: ProcessRecord | undefined;
  const appeared = (): boolean => {
    if (parent.pid === undefined || parent.exitCode !== null) throw new ClusterError(failure);
    const file = `/proc/${parent.pid}/task/${parent.pid}/children`;
    const pid = Number(readFileSync(file, "utf8").trim().split(" ")[0]);
    child = pid > 0 ? recordProcess(pid) : undefined;
    return child !== undefined;
  };
  await waitUntil(appeared, { what: "a process to start", timeoutSeconds: 20, intervalMilliseconds: 10 });
  if (child === undefined) throw new ClusterError(failure);
  return child;
}

function spawnDetached(name: string, log: string, command: readonly string[], env: Readonly<Record<string, string>>) {
  mkdirSync(join(stateFolder(name), "log"), { recursive: true });
  const output = openSync(logFile(name, log), "a");
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["pipe", output, output],
    detached: true,
    cwd: "/",
    env: { ...process.env, ...env },
  });
  child.on("error", () => undefined); // seen as a missing process id
  closeSync(output);
  child.unref();
  return child;
}

/** Makes the namespaces of a node; it has no network and no control groups yet. */
export async function startNode(name: string): Promise<Node> {
  const folder = stateFolder(name);
  mkdirSync(folder, { recursive: true });
  const setup = join(packageFolder, "setup-node.sh");
  const namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child=SIGKILL"];
  const command = ["unshare", ...namespaces, "--", "sh", setup, folder, name, binaryPath("pause")];
  const failure = `The namespaces of the node cannot be made: see ${logFile(name, "node")}.`;
  const parent = spawnDetached(name, "node", command, {});
  const init = await onlyChild(parent, failure);
  const node: Node = { name, folder, init, podGroup: podGroup(name) };
  writeFileSync(recordFile(name), JSON.stringify(node));
  parent.stdin?.on("error", () => undefined).end("go\n");
  const holds = (): boolean => {
    if (!isRunning(init)) throw new ClusterError(failure);
    return readFileSync(`/proc/${init.pid}/comm`, "utf8").trim() === "pause";
  };
  await waitUntil(holds, { what: "the namespaces of the node", timeoutSeconds: 20, intervalMilliseconds: 10 });
  return node;
}

/** Ends everything on a node and removes what the kernel does not take away by itself. */
export async function stopNode(node: Node): Promise<void> {
  await stopProcess(node.init, 0);
  await removeGroup(node.podGroup);
  rmSync(recordFile(node.name), { force: true });
}

const namespaceOf = (pid: number | string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // the process ended
  }
};

function environmentOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function parentOf(pid: string): string {
  try {
    return /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  } catch {
    return "0";
  }
}

const marker = "AMALTHEA_COMPONENT";

/** A component as it is found running. */
export type RunningComponent = { readonly name: string; readonly hash: string; readonly process: ProcessRecord };

/**
 * The components on a node, as the kernel knows them, so no note of ours can be wrong: processes of the node's process
 * namespace that were started from outside of it and carry the marker. What they start themselves has its parent inside.
 */
export function runningComponents(node: Node): readonly RunningComponent[] {
  const namespace = isRunning(node.init) ? namespaceOf(node.init.pid) : undefined;
  if (namespace === undefined) return [];
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && entry !== String(node.init.pid));
  return pids.flatMap((pid) => {
    if (namespaceOf(pid) !== namespace || namespaceOf(parentOf(pid)) === namespace) return [];
    const text = environmentOf(pid).find((variable) => variable.startsWith(`${marker}=`));
    const [name, hash] = text?.slice(marker.length + 1).split(":") ?? [];
    const process = recordProcess(Number(pid));
    return name === undefined || hash === undefined || process === undefined ? [] : [{ name, hash, process }];
  });
}

function hashOf(component: Component): string {
  const { command, env, files } = component;
  const hash = createHash("sha256").update(JSON.stringify([command, env]));
  for (const file of files ?? []) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

/** Starts a component unless just the same one runs; one that differs is stopped first. */
export async function ensureComponent(node: Node, component: Component): Promise<ProcessRecord> {
  const hash = hashOf(component);
  const running = runningComponents(node).filter(({ name }) => name === component.name);
  const [same] = running;
  if (same !== undefined && running.length === 1 && same.hash === hash) return same.process;
  for (const { process } of running) await stopProcess(process, 10);
  const { name, onHost } = component;
  const namespaces = onHost ? ["--pid"] : ["--pid", "--mount", "--net", "--uts", "--ipc"];
  const enter = ["nsenter", `--target=${node.init.pid}`, ...namespaces, "--"];
  const env = { ...component.env, [marker]: `${name}:${hash}` };
  const parent = spawnDetached(node.name, name, [...enter, ...component.command], env);
  parent.stdin?.end();
  return await onlyChild(parent, `${name} cannot be started: see ${logFile(node.name, name)}.`);
}

/** Whether some process listens on a TCP port in the text of /proc/net/tcp or tcp6. */
export function listensOn(table: string, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").some((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return state === "0A" && (local?.endsWith(suffix) ?? false); // 0A: TCP_LISTEN
  });
}

/** Whether some process listens on a TCP port of the node, its loopback included. */
export function isListening(node: Node, port: number): boolean {
  return ["tcp", "tcp6"].some((table) => {
    const file = `/proc/${node.init.pid}/net/${table}`;
    return listensOn(readFileSync(file, "utf8"), port);
  });
}
