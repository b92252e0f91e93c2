import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { bundleController, ENVIRONMENT, NODE_FLAGS } from "../../../images/controller/program.ts";
import { eventually } from "./servers.ts";
import type { World } from "./world.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");

/** Writes the one file that the image runs. */
export async function bundleTo(folder: string): Promise<string> {
  const program = join(folder, "main.cjs");
  await bundleController(REPOSITORY, program);
  return program;
}

/** The controller as a process of its own, started as its image starts it, under the chart's service account. */
export class ControllerProcess {
  readonly #child: ChildProcess;
  #output = "";

  /** Starts it and waits until it leads; `onStart` gets it before that. */
  static async start(
    program: string,
    { environment, controllerKubeconfig }: World,
    more: Readonly<Record<string, string>>,
    onStart: (controller: ControllerProcess) => void,
  ): Promise<ControllerProcess> {
    const ofImage = Object.fromEntries(["NODE_ENV=production", ...ENVIRONMENT].map((variable) => variable.split("=")));
    const ports = { HEALTH_PORT: "0", METRICS_PORT: "0", LEADER_ELECTION_ENABLED: "false" };
    const env = { ...ofImage, ...environment, ...ports, POD_NAMESPACE: "amalthea", KUBECONFIG: controllerKubeconfig };
    const controller = new ControllerProcess(program, { ...env, ...more });
    onStart(controller);
    await eventually(async () => controller.#requireLeading());
    return controller;
  }

  private constructor(program: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [...NODE_FLAGS, program], { env, stdio: ["ignore", "pipe", "inherit"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => void (this.#output += text));
  }

  /** What it has written to its standard output. */
  get output(): string {
    return this.#output;
  }

  /** Ends it and waits. @returns Its exit code; null when the signal ended it. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
    if (this.#hasEnded) return this.#child.exitCode;
    const ended = once(this.#child, "close"); // after the end of its output
    this.#child.kill(signal);
    await ended;
    return this.#child.exitCode;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #requireLeading(): void {
    if (this.#output.includes('"message":"leading"')) return;
    throw new Error(`the controller does not lead: ${this.#output}`);
  }
}
