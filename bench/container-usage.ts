import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hierarchiesOf, podGroup, podHierarchies } from "../cluster/src/node/cgroups.ts";

/** Memory of processes, in MiB. */
export type Memory = {
  /** What nobody else has: it would be free if they ended. */
  readonly private: number;
  /** With the pages of files that others may share. */
  readonly resident: number;
};

/** What a container on a node of ours uses, as the kernel counts it. */
export class ContainerUsage {
  readonly #group: string;

  /** @param containerId as a pod's status has it, such as `containerd://0123…` */
  constructor(cluster: string, containerId: string) {
    const id = containerId.replace(/^.*:\/\//, "");
    const hierarchies = podHierarchies(hierarchiesOf(readFileSync("/proc/self/mountinfo", "utf8")));
    const counting = hierarchies.find(({ version, controllers }) => version === 2 || controllers.includes("cpuacct"));
    const root = join(counting?.mountPoint ?? "/sys/fs/cgroup", podGroup(cluster));
    const group = readdirSync(root, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith(`/${id}`));
    if (group === undefined) throw new Error(`no control group of the container ${id} below ${root}`);
    this.#group = join(root, group);
  }

  /** Processor time so far, in milliseconds. */
  cpuMs(): number {
    const first = join(this.#group, "cpuacct.usage");
    return existsSync(first)
      ? Number(readFileSync(first, "utf8")) / 1e6
      : cpuMsOf(readFileSync(join(this.#group, "cpu.stat"), "utf8"));
  }

  /** Its processes, by their ids on this machine. */
  processes(): readonly number[] {
    return readFileSync(join(this.#group, "cgroup.procs"), "utf8").trim().split("\n").map(Number);
  }

  memory(): Memory {
    const all = this.processes().map((pid) => memoryOf(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")));
    const sum = (key: keyof Memory): number => all.reduce((total, memory) => total + memory[key], 0);
    return { private: sum("private"), resident: sum("resident") };
  }
}

/** Processor time in the text of a group's `cpu.stat`, in milliseconds. */
export function cpuMsOf(cpuStat: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(cpuStat)?.[1]) / 1000;
}

/** Memory in the text of `/proc/<pid>/smaps_rollup`. */
export function memoryOf(smapsRollup: string): Memory {
  const mebibytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(smapsRollup)?.[1]) / 1024;
  return { private: mebibytes("Private_Clean") + mebibytes("Private_Dirty"), resident: mebibytes("Rss") };
}
