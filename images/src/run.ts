import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { finished } from "node:stream/promises";
import { BuildError } from "./progress.ts";
import type { Progress } from "./progress.ts";

/** One command of a build. */
export type Step = {
  /** What a person reads while it runs, as in "installing JupyterLab". */
  readonly doing: string;
  readonly command: readonly [string, ...string[]];
  /** What to do when it fails. */
  readonly remedy: string;
  /** Default: that of this process. */
  readonly env?: Readonly<Record<string, string>>;
};

/** Where the output of a step goes and who hears of it. */
export type StepSurroundings = {
  /** Appended to. */
  readonly log: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

/** Often enough that nobody believes it hangs, seldom enough that a log stays readable. */
const REMINDER_MS = 15_000;

/**
 * Runs one command to its end, with its output in the log file.
 *
 * The command dies with this process, however that dies.
 *
 * @throws BuildError when it cannot be started or fails; the signal's reason when stopped.
 */
export async function run(step: Step, { log, progress, signal }: StepSurroundings): Promise<void> {
  await mkdir(dirname(log), { recursive: true });
  progress(step.doing);
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  const reminder = setInterval(() => progress(`still ${step.doing}, for ${seconds()} s (log: ${log})`), REMINDER_MS);
  try {
    const outcome = await ending(step, log, signal);
    if (outcome !== undefined) throw new BuildError(failure(step, log, outcome));
  } finally {
    clearInterval(reminder);
  }
}

/** A command in mount and process namespaces of its own: what it mounts or starts is gone when it ends or is killed. */
export function isolated(command: readonly string[]): readonly [string, ...string[]] {
  return ["unshare", "--mount", "--pid", "--fork", "--kill-child", ...command];
}

/** How the command ended: `undefined` for well, else a few words. */
async function ending(step: Step, log: string, signal: AbortSignal): Promise<string | undefined> {
  signal.throwIfAborted();
  const output = createWriteStream(log, { flags: "a" });
  output.write(`\n$ ${step.command.join(" ")}\n`);
  try {
    // setpriv makes the kernel kill the command when this process dies, even by kill -9.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...step.command], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // a group of its own: Ctrl-C reaches this process alone, which then ends the group
      ...(step.env === undefined ? {} : { env: step.env }),
    });
    const kill = (): void => killGroup(child.pid);
    signal.addEventListener("abort", kill, { once: true });
    child.stdout.pipe(output, { end: false });
    child.stderr.pipe(output, { end: false });
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, killedBy) => resolve(outcomeOf(code, killedBy)));
    const outcome = await promise;
    signal.removeEventListener("abort", kill);
    signal.throwIfAborted();
    return outcome;
  } finally {
    output.end();
    await finished(output);
  }
}

function outcomeOf(code: number | null, killedBy: string | null): string | undefined {
  if (code === 0) return undefined;
  if (code === 127) return "there is no such command";
  return code === null ? `ended by ${killedBy}` : `exit code ${code}`;
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return; // it never started
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // it has ended already
  }
}

function failure(step: Step, log: string, outcome: string): string {
  return `${step.doing} failed: \`${step.command.join(" ")}\`: ${outcome}. Log: ${log}. ${step.remedy}`;
}
