import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "@amalthea/cluster";
import { bundleController, ENVIRONMENT, HEAP_PERCENTAGE, NODE_FLAGS } from "../images/controller/program.ts";
import type { World } from "../test/integration/controller/world.ts";

const LEADS = '"message":"leading"';

const REPOSITORY = fileURLToPath(import.meta.resolve("../"));

/** Of the controller's container in the chart, in MiB. */
export const MEMORY_LIMIT = 512;

/** The heap is bounded as in a container with this limit. */
const HEAP_FLAG = `--max-old-space-size=${Math.floor((MEMORY_LIMIT * HEAP_PERCENTAGE) / 100)}`;

/** Of Linux, on every processor that we build for. */
const TICKS_PER_SECOND = 100;

/** The controller as a process of its own, started as its image starts it, under the chart's service account. */
export class ControllerProcess {
  readonly #child: ChildProcess;
  readonly #logFile: string;

  /** Starts it and waits until it leads. */
  static async start(world: World): Promise<ControllerProcess> {
    const logs = join(cacheFolder(), "logs");
    mkdirSync(logs, { recursive: true });
    const program = join(logs, "bench-controller.cjs");
    await bundleController(REPOSITORY, program);
    const controller = new ControllerProcess(world, program, logs);
    await controller.#leads();
    return controller;
  }

  private constructor({ environment, controllerKubeconfig }: World, program: string, logs: string) {
    this.#logFile = join(logs, "bench-controller.log");
    const log = openSync(this.#logFile, "w");
    const ofImage = Object.fromEntries(["NODE_ENV=production", ...ENVIRONMENT].map((variable) => variable.split("=")));
    const ports = { HEALTH_PORT: "0", METRICS_PORT: "0" };
    this.#child = spawn(process.execPath, [...NODE_FLAGS, HEAP_FLAG, program], {
      env: { ...ofImage, ...environment, ...ports, POD_NAMESPACE: "amalthea", KUBECONFIG: controllerKubeconfig },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
  }

  /** Resident memory, in MiB; the peak is the most it ever was. */
  memory(): { readonly resident: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
    return { resident: field("VmRSS"), peak: field("VmHWM") };
  }

  /** How often it began to lead: more than once if it could not renew its lease in time. */
  terms(): number {
    return readFileSync(this.#logFile, "utf8").split(LEADS).length - 1;
  }

  /** Processor time used so far. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the program's name may hold spaces
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Ends it as a Deployment does. */
  async stop(): Promise<void> {
    if (this.#hasEnded()) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #leads(): Promise<void> {
    const deadline = performance.now() + 120_000;
    while (this.terms() === 0) {
      const isLate = performance.now() > deadline;
      if (isLate) await this.stop();
      if (isLate || this.#hasEnded()) throw new Error(`the controller does not lead: see ${this.#logFile}`);
      await sleep(100);
    }
  }
}
