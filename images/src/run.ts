import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { countTo, type Progress, run as runCommand, step as timedStep } from "@amalthea/cluster";

/** One command of a build. */
export type Step = {
  /** What it brings about, as in "JupyterLab installed". */
  readonly title: string;
  readonly command: readonly [string, ...string[]];
  /** What to do when it fails. */
  readonly remedy: string;
  /** Where the command says a line for each thing it has done: which line, of how many, and what: "packages downloaded". */
  readonly counted?: { readonly line: RegExp; readonly total: number; readonly done: string };
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

/**
 * Runs one command to its end, with its output in the log file.
 *
 * @throws CommandError when it cannot be started or fails; the signal's reason when stopped.
 */
export async function run(step: Step, { log, progress, signal }: StepSurroundings): Promise<void> {
  await mkdir(dirname(log), { recursive: true });
  const { title, env, remedy, counted } = step;
  const [command, ...args] = step.command;
  await timedStep(progress, title, async (waitingFor) => {
    const onDone = countTo(counted?.total, `its command, log: ${log}`, waitingFor, counted?.done ?? "");
    const onLine = counted && ((line: string): void => (counted.line.test(line) ? onDone() : undefined));
    const environment = env === undefined ? {} : { env, onlyEnv: true };
    await runCommand(command, args, { ...environment, logFile: log, signal, remedy, onLine });
  });
}

/** A command in mount and process namespaces of its own: what it mounts or starts is gone when it ends or is killed. */
export function isolated(command: readonly string[]): readonly [string, ...string[]] {
  return ["unshare", "--mount", "--pid", "--fork", "--kill-child", ...command];
}
