import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { ClusterError } from "../errors.ts";
import { waitUntil } from "../wait.ts";

/** One mounted hierarchy of control groups. */
export type Hierarchy = {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** The group that is visible at the mount point: "/" unless we are in a container. */
  readonly root: string;
  /** "memory", "cpu", … or "name=systemd"; none in version 2. */
  readonly controllers: readonly string[];
};

/** The hierarchies in the text of /proc/self/mountinfo. */
export function hierarchiesOf(mountInfo: string): readonly Hierarchy[] {
  return mountInfo.split("\n").flatMap((line): readonly Hierarchy[] => {
    const [mount, superBlock] = line.split(" - ");
    const [, , , root, mountPoint] = (mount ?? "").split(" ");
    const [type, , options] = (superBlock ?? "").split(" ");
    if (root === undefined || mountPoint === undefined) return [];
    if (type === "cgroup2") return [{ version: 2, mountPoint, root, controllers: [] }];
    if (type !== "cgroup") return [];
    return [{ version: 1, mountPoint, root, controllers: (options ?? "").split(",") }];
  });
}

/** The group of this process in the hierarchy of a controller (version 1), from the text of /proc/self/cgroup. */
export function ownGroup(cgroupFile: string, controller: string): string {
  const line = cgroupFile.split("\n").find((text) => text.split(":")[1]?.split(",").includes(controller));
  return line?.split(":").slice(2).join(":") ?? "/";
}

/** The hierarchies that pods use: all of version 1 if there are any, else the one of version 2. */
export function podHierarchies(all: readonly Hierarchy[]): readonly Hierarchy[] {
  const first = all.filter((hierarchy) => hierarchy.version === 1);
  return first.length > 0 ? first : all.filter((hierarchy) => hierarchy.mountPoint === "/sys/fs/cgroup");
}

const mounted = (): readonly Hierarchy[] => hierarchiesOf(readFileSync("/proc/self/mountinfo", "utf8"));

/**
 * The group that holds the pods of a cluster, as a path below each hierarchy. In version 1 it lies below our own
 * memory group, so that a memory limit we have holds for pods too. In version 2 a group with processes can have no
 * limited groups below it, so it lies at the top.
 */
export function podGroup(name: string): string {
  const memory = podHierarchies(mounted()).find((hierarchy) => hierarchy.controllers.includes("memory"));
  if (memory === undefined) return `/amalthea-${name}`;
  const own = ownGroup(readFileSync("/proc/self/cgroup", "utf8"), "memory");
  const visible = memory.root !== "/" && own.startsWith(memory.root) ? own.slice(memory.root.length) : own;
  return join("/", visible, `amalthea-${name}`);
}

/** Groups from the top (not included) down to `group`. */
const pathTo = (group: string): readonly string[] =>
  group
    .split("/")
    .filter((part) => part !== "")
    .map((_, index, parts) => parts.slice(0, index + 1).join("/"));

/** A new cpuset has no processors and no memory, and nothing can run in it; it takes those of its parent. */
function fillCpuset(folder: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const path = join(folder, file);
    if (existsSync(path) && readFileSync(path, "utf8").trim() === "") {
      writeFileSync(path, readFileSync(join(dirname(folder), file), "utf8"));
    }
  }
}

function delegate(folder: string): void {
  const controllers = readFileSync(join(folder, "cgroup.controllers"), "utf8").trim().split(" ");
  const wanted = controllers.map((controller) => `+${controller}`).join(" ");
  writeFileSync(join(folder, "cgroup.subtree_control"), wanted);
}

/** In a container the visible top holds processes, and must be emptied before it can hand on its controllers. */
function evacuate(top: string): void {
  const refuge = join(top, "init");
  mkdirSync(refuge, { recursive: true });
  for (const pid of readFileSync(join(top, "cgroup.procs"), "utf8").trim().split("\n")) {
    try {
      writeFileSync(join(refuge, "cgroup.procs"), pid);
    } catch {
      // A thread of the kernel cannot be moved; a process may have ended.
    }
  }
}

function makeUnifiedGroup(top: string, group: string): void {
  try {
    delegate(top);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    evacuate(top);
    delegate(top);
  }
  mkdirSync(join(top, group), { recursive: true });
  delegate(join(top, group));
}

/** Groups that we made on the way to others, for all clusters of this machine. Like groups, it is gone after a restart. */
const madeParentsFile = "/run/amalthea-cgroups";

/** The deepest first. */
const madeParents = (): readonly string[] =>
  existsSync(madeParentsFile) ? readFileSync(madeParentsFile, "utf8").split("\n").filter(Boolean).toReversed() : [];

/** Makes a group in every hierarchy. */
export function makeGroup(group: string): void {
  const hierarchies = podHierarchies(mounted());
  if (hierarchies.length === 0) throw new ClusterError("No control groups are mounted at /sys/fs/cgroup.");
  for (const { version, mountPoint } of hierarchies) {
    if (version === 2) makeUnifiedGroup(mountPoint, group);
  }
  // runc makes a group also in the hierarchy of version 2 beside those of version 1, so all of them get it here.
  const folders = mounted().flatMap(({ mountPoint }) => pathTo(group).map((part) => join(mountPoint, part)));
  for (const folder of folders.filter((path) => !existsSync(path))) {
    mkdirSync(folder);
    fillCpuset(folder);
    if (!folder.endsWith(group)) appendFileSync(madeParentsFile, `${folder}\n`);
  }
}

function removeTree(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}

/** Removes the parents that we made, but for those that another cluster still uses: it will remove them. */
function removeMadeParents(): void {
  const inUse = madeParents().filter((folder) => {
    try {
      if (existsSync(folder)) rmdirSync(folder);
      return false;
    } catch {
      return true;
    }
  });
  if (inUse.length > 0) writeFileSync(madeParentsFile, `${inUse.toReversed().join("\n")}\n`);
  else rmSync(madeParentsFile, { force: true });
}

/** Removes a group from every hierarchy, once its processes have ended, and the groups that were made to lead to it. */
export async function removeGroup(group: string): Promise<void> {
  for (const { mountPoint } of mounted()) {
    const isGone = (): boolean => {
      try {
        removeTree(join(mountPoint, group));
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EBUSY") return false; // the kernel still buries a process
        throw error;
      }
    };
    await waitUntil(isGone, { what: `the control group ${mountPoint}${group} to be empty`, timeoutSeconds: 20 });
  }
  removeMadeParents();
}
