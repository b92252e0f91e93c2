import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { spawnBound } from "../bound-process.ts";
import { ClusterError } from "../errors.ts";

/**
 * The value of GOGC for components, from AMALTHEA_CONTROL_PLANE_GOGC. Default: Go's own, for long-running components
 * with much memory.
 *
 * @see https://go.dev/doc/gc-guide#GOGC
 */
function goSettings(): Readonly<Record<string, string>> {
  const { AMALTHEA_CONTROL_PLANE_GOGC: GOGC } = process.env;
  return GOGC === undefined ? {} : { GOGC };
}

/** A component that runs at most as long as this process, and into which tests can inject faults. */
export class ChildComponent {
  /** Name of the component, such as "etcd". */
  readonly name: string;
  readonly #command: readonly [string, ...string[]];
  readonly #logFile: string;
  readonly #ready: (component: ChildComponent) => Promise<void>;
  #child: ChildProcess | undefined;

  /** @param ready returns when the started component serves; it may call {@link checkRunning} */
  constructor(
    name: string,
    command: readonly [string, ...string[]],
    logFile: string,
    ready: (component: ChildComponent) => Promise<void>,
  ) {
    this.name = name;
    this.#command = command;
    this.#logFile = logFile;
    this.#ready = ready;
  }

  /** Process id, or undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#isRunning() ? this.#child?.pid : undefined;
  }

  #isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Throws ClusterError, naming the log, when the process has ended by itself. */
  checkRunning(): void {
    if (!this.#isRunning()) throw new ClusterError(`${this.name} ended unexpectedly: see ${this.#logFile}.`);
  }

  /** Starts it and waits until it serves. Starting twice is harmless. */
  async start(): Promise<void> {
    if (!this.#isRunning()) {
      const log = openSync(this.#logFile, "a");
      this.#child = spawnBound(this.#command, {
        stdio: ["ignore", log, log],
        env: { ...process.env, ...goSettings() },
      });
      this.#child.on("error", () => undefined); // it cannot be run: checkRunning says so
      closeSync(log);
    }
    await this.#ready(this);
  }

  /** Ends it; open connections break. Default signal: SIGKILL. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.#isRunning()) return;
    const exited = once(child, "exit");
    child.kill(signal);
    if (signal !== "SIGKILL") child.kill("SIGCONT"); // a paused process would never read the signal
    await exited;
  }

  /** Ends it and starts it again with the same address and data. */
  async restart(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  /** Freezes it: connections stay open without any response. */
  pause(): void {
    this.checkRunning();
    this.#child?.kill("SIGSTOP");
  }

  /** Ends a {@link pause}. */
  resume(): void {
    this.#child?.kill("SIGCONT");
  }
}
