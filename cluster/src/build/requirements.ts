import { execFileSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  statSync,
} from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { ClusterError } from "../errors.ts";
import { cacheFolder, packageFolder, stateRoot } from "../locations.ts";

/** Disk that the Go modules, the compiled packages and the programs of a build need, measured. */
const buildGigabytes = { modules: 2.5, compiled: 4, programs: 1 };

/** Disk that a running cluster needs: images, twice (registry and unpacked), and volumes. */
const clusterGigabytes = 3;

/** Disk that is needed below a folder, which need not exist yet. */
export type DiskNeed = { readonly folder: string; readonly gigabytes: number };

/** A cluster is named like an object of Kubernetes; paths of sockets, which hold the name, have at most 107 letters. */
const namePattern = /^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether a program is in one of the folders of PATH. */
export function isInstalled(program: string, path: string): boolean {
  if (isAbsolute(program)) return isExecutable(program);
  return path.split(delimiter).some((folder) => folder !== "" && isExecutable(join(folder, program)));
}

/** Programs that are missing, with the Debian package of each. */
function missingPrograms(): readonly string[] {
  const text = readFileSync(join(packageFolder, "debian-packages.json"), "utf8");
  const packages = Object.entries(JSON.parse(text) as Readonly<Record<string, string>>);
  const path = process.env["PATH"] ?? "";
  return packages
    .filter(([program]) => !isInstalled(program, path))
    .map(([program, debianPackage]) => `${program} (Debian package ${debianPackage})`);
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

/** Throws ClusterError when a filesystem has less room than all that is needed on it. @param purpose As a subject. */
export function checkDisk(purpose: string, needs: readonly DiskNeed[]): void {
  const byFilesystem = Map.groupBy(needs, ({ folder }) => statSync(nearestFolder(folder)).dev);
  for (const needsThere of byFilesystem.values()) {
    const folders = needsThere.map(({ folder }) => folder);
    const needed = needsThere.reduce((sum, { gigabytes }) => sum + gigabytes, 0);
    const { bavail, bsize } = statfsSync(nearestFolder(folders[0] ?? "/"));
    const free = (bavail * bsize) / 1e9;
    if (free >= needed) continue;
    throw new ClusterError(
      `${purpose} needs ${needed} GB of disk at ${folders.join(" and ")}, and ${free.toFixed(1)} GB are free: free ` +
        "some, or name other folders in AMALTHEA_CACHE and AMALTHEA_STATE (Go's own: GOMODCACHE and GOCACHE).",
    );
  }
}

function goFolder(variable: "GOMODCACHE" | "GOCACHE"): string {
  return execFileSync("go", ["env", variable], { encoding: "utf8" }).trim();
}

/** Throws ClusterError, in one sentence, unless the programs of a cluster can be built here. */
export function checkBuildRequirements(): void {
  if (!isInstalled("go", process.env["PATH"] ?? "")) {
    throw new ClusterError('The command "go" is missing: install Go 1.26 or newer (https://go.dev/dl).');
  }
  checkDisk("The first build", [
    { folder: goFolder("GOMODCACHE"), gigabytes: buildGigabytes.modules },
    { folder: goFolder("GOCACHE"), gigabytes: buildGigabytes.compiled },
    { folder: cacheFolder(), gigabytes: buildGigabytes.programs },
  ]);
}

/** Throws ClusterError, in one sentence, unless a cluster of this name can run here. */
export function checkClusterRequirements(name: string): void {
  checkClusterName(name);
  if (process.platform !== "linux") throw new ClusterError("The cluster runs on Linux only.");
  if (process.getuid?.() !== 0) {
    throw new ClusterError(
      "The cluster must be started by root (try `sudo`): it creates namespaces, mounts and cgroups.",
    );
  }
  const missing = missingPrograms();
  if (missing.length > 0) throw new ClusterError(`Missing: ${missing.join(", ")}. Install them and try again.`);
  checkDisk("A cluster", [{ folder: stateRoot(), gigabytes: clusterGigabytes }]);
}

/** inotify instances that the components of one cluster need, measured. */
const inotifyInstances = 18;

/** What a file descriptor leads to; undefined when it was closed, or its process ended, in the meantime. */
function targetOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(descriptor);
  } catch {
    return undefined;
  }
}

function descriptorsOf(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((file) => `/proc/${pid}/fd/${file}`);
  } catch {
    return []; // the process ended
  }
}

/**
 * Throws ClusterError when the inotify limit does not allow another cluster: it applies to all processes of root
 * together, and a component that hits it exits with just "too many open files".
 */
export function checkInotify(): void {
  const setting = "fs.inotify.max_user_instances";
  const limit = Number(readFileSync(`/proc/sys/${setting.replaceAll(".", "/")}`, "utf8"));
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  const used = pids.flatMap(descriptorsOf).filter((file) => targetOf(file) === "anon_inode:inotify").length;
  if (used + inotifyInstances <= limit) return;
  throw new ClusterError(
    `${setting} is ${limit}, ${used} are used, and a cluster needs ${inotifyInstances}: stop another cluster, or ` +
      `raise the limit (\`sysctl ${setting}=1024\`).`,
  );
}

/** Throws ClusterError unless a cluster may have this name. */
export function checkClusterName(name: string): void {
  if (namePattern.test(name)) return;
  throw new ClusterError(`"${name}" cannot name a cluster: use up to 20 lower-case letters, digits and hyphens.`);
}
