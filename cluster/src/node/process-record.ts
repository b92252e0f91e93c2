import { readFileSync } from "node:fs";
import { waitUntil } from "../wait.ts";

/** A process that we started. Pid and start time together are never used twice, so nobody else's process is taken for it. */
export type ProcessRecord = {
  readonly pid: number;
  /** Clock ticks between boot and start, as /proc/PID/stat says. */
  readonly startTime: string;
  readonly bootId: string;
};

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // the process ended
  }
}

/**
 * Start time in a line of /proc/PID/stat, or undefined for a zombie, which has ended in all but name.
 * The command name in parentheses may itself hold spaces and parentheses.
 */
export function startTimeOf(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  // Field 22 of proc_pid_stat(5); the list here begins at field 3.
  return state === "Z" || state === "X" ? undefined : fields[19];
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Records a running process; undefined when there is none with this pid. */
export function recordProcess(pid: number): ProcessRecord | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`);
  const startTime = stat === undefined ? undefined : startTimeOf(stat);
  return startTime === undefined ? undefined : { pid, startTime, bootId: bootId() };
}

/** Whether exactly the recorded process still runs. */
export function isRunning(record: ProcessRecord): boolean {
  const now = recordProcess(record.pid);
  return now !== undefined && now.startTime === record.startTime && now.bootId === record.bootId;
}

/** Sends a signal to the recorded process, if it still runs. */
export function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (!isRunning(record)) return;
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it ended in between
  }
}

/** Asks a process to end, and ends it by force after the time of grace. Returns when it is gone. */
export async function stopProcess(record: ProcessRecord, graceSeconds: number): Promise<void> {
  const gone = (): boolean => !isRunning(record);
  const what = `process ${record.pid} to end`;
  if (graceSeconds > 0) {
    signalProcess(record, "SIGTERM");
    try {
      await waitUntil(gone, { what, timeoutSeconds: graceSeconds, intervalMilliseconds: 20 });
      return;
    } catch {
      // It did not listen.
    }
  }
  signalProcess(record, "SIGKILL");
  await waitUntil(gone, { what, timeoutSeconds: 20, intervalMilliseconds: 20 });
}
