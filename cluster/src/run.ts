import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { ClusterError } from "./errors.ts";

/** How a command is run; everything is optional. */
export type RunOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  readonly signal?: AbortSignal | undefined;
  /** Both outputs are also written to this file, which a failure names. */
  readonly logFile?: string;
  /** Completes the message of a failure: what the user can do. */
  readonly remedy?: string;
};

/** What a command wrote. */
export type RunResult = { readonly stdout: string; readonly stderr: string };

/** A command that ended with a code other than 0. */
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

function failureOf(command: string, args: readonly string[], output: RunResult, options: RunOptions): string {
  const shown = [command, ...args].join(" ");
  const lastLines = (output.stderr.trim() || output.stdout.trim()).split("\n").slice(-5).join("\n");
  const log = options.logFile === undefined ? "" : ` (log: ${options.logFile})`;
  const remedy = options.remedy === undefined ? "" : `\n${options.remedy}`;
  return `\`${shown.length > 300 ? `${shown.slice(0, 300)}…` : shown}\` failed${log}: ${lastLines}${remedy}`;
}

/** Runs a command to its end. Throws CommandError when it cannot be run or ends with a code other than 0. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = spawn(command, args, {
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: "a" });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      log?.write(text);
    });
  }
  child.stdin?.on("error", () => undefined).end(options.stdin); // a command need not read all of its input
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  })
    .catch((error: unknown) => {
      options.signal?.throwIfAborted();
      throw new CommandError(`\`${command}\` cannot be run: ${String(error)}`, null, output);
    })
    .finally(() => log?.end());
  if (exitCode !== 0) throw new CommandError(failureOf(command, args, output, options), exitCode, output);
  return output;
}
