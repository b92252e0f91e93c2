import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { spawnBound } from "./bound-process.ts";
import { ClusterError } from "./errors.ts";

/** How a command is run; everything is optional. */
export type RunOptions = {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Give it `env` alone. Default false. */
  readonly onlyEnv?: boolean;
  readonly stdin?: string;
  readonly signal?: AbortSignal | undefined;
  /** Both outputs are also written to this file, which a failure names. */
  readonly logFile?: string;
  /** Receives each complete line of both outputs. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Completes the message of a failure: what the user can do. */
  readonly remedy?: string;
};

/** What a command wrote. */
export type RunResult = { readonly stdout: string; readonly stderr: string };

/** A command that could not be run, or ended with a code other than 0. */
export class CommandError extends ClusterError {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(message: string, exitCode: number | null, output: RunResult) {
    super(message);
    this.exitCode = exitCode;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
  }
}

/** Both outputs of a command, and how it ended. */
type Outcome = RunResult & { readonly exitCode: number | null; readonly killedBy: NodeJS.Signals | null };

function failureOf(command: string, args: readonly string[], outcome: Outcome, options: RunOptions): string {
  const shown = [command, ...args].join(" ");
  const lastLines = (outcome.stderr.trim() || outcome.stdout.trim()).split("\n").slice(-5).join("\n");
  const ending = outcome.killedBy === null ? `exit code ${outcome.exitCode}` : `ended by ${outcome.killedBy}`;
  const verdict = outcome.exitCode === 127 ? "cannot be run" : "failed"; // 127: setpriv or a shell found no such command
  const log = options.logFile === undefined ? "" : ` (log: ${options.logFile})`;
  const remedy = options.remedy === undefined ? "" : `\n${options.remedy}`;
  const subject = shown.length > 300 ? `${shown.slice(0, 300)}…` : shown;
  return `\`${subject}\` ${verdict}${log}: ${lastLines || ending}${remedy}`;
}

/**
 * Runs a command to its end. It dies with this process, however that dies, and with all it started when it is aborted.
 *
 * Throws CommandError when it cannot be run or ends with a code other than 0, and the signal's reason when aborted.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const outcome = await outcomeOf(command, args, options);
  options.signal?.throwIfAborted();
  if (outcome.exitCode !== 0) {
    throw new CommandError(failureOf(command, args, outcome, options), outcome.exitCode, outcome);
  }
  return { stdout: outcome.stdout, stderr: outcome.stderr };
}

async function outcomeOf(command: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  // Ctrl-C reaches this process alone, which then ends the whole group.
  const child = spawnBound([command, ...args], {
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: options.onlyEnv ? { ...options.env } : { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const kill = (): void => killGroup(child.pid);
  options.signal?.addEventListener("abort", kill, { once: true });
  const output = { stdout: "", stderr: "" };
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: "a" });
  log?.on("error", () => undefined); // a full disk fails the command as well, which says so
  log?.write(`\n$ ${[command, ...args].join(" ")}\n`);
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      log?.write(text);
    });
    const stream = child[name];
    if (options.onLine !== undefined && stream) createInterface(stream).on("line", options.onLine);
  }
  child.stdin?.on("error", () => undefined).end(options.stdin); // a command need not read all of its input
  try {
    return await new Promise<Outcome>((resolve) => {
      child.once("error", (error) => resolve({ stdout: "", stderr: error.message, exitCode: 127, killedBy: null }));
      child.once("close", (exitCode, killedBy) => resolve({ ...output, exitCode, killedBy }));
    });
  } finally {
    options.signal?.removeEventListener("abort", kill);
    if (log !== undefined) await new Promise<void>((resolve) => log.end(() => resolve()));
  }
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return; // it never started
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
