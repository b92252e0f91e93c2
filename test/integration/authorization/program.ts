import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** A program that runs beside the test. */
export type Program = {
  /** Everything it has written. */
  readonly output: () => string;
  /** Memory that is its own, in MiB: what counts against a container's limit and cannot be taken from it. */
  readonly memory: () => number;
  /** Keeps it from running, and waits until it does not run any more; `resume` lets it go on. */
  readonly pause: () => Promise<void>;
  readonly resume: () => void;
  /** Ends it and waits until it is gone. */
  readonly stop: () => Promise<void>;
};

/** Starts a program and waits until it listens on a port of loopback. Throws with its output when it ends before. */
export async function startProgram(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  port: number,
): Promise<Program> {
  const [file, ...args] = command;
  const child = spawn(file, args, { env: { PATH: process.env["PATH"], ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => void (output += text));
  }
  const program: Program = {
    output: () => output,
    memory: () => privateMemory(child.pid ?? 0),
    pause: () => pause(child),
    resume: () => void child.kill("SIGCONT"),
    stop: () => stop(child),
  };
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  await eventually(`${file} listens on ${port}`, async () => {
    if (hasEnded()) throw new Error(`${file} ended: ${output}`);
    return isListening(port);
  });
  return program;
}

/** Waits until something is so, looking often. Throws when it takes longer than `timeoutMs`. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 120_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}

/** A signal takes effect a moment after it was sent: until then the program may still answer. */
async function pause(child: ChildProcess): Promise<void> {
  child.kill("SIGSTOP");
  await eventually("the program is paused", async () => {
    const { stdout } = await execute("ps", ["-o", "state=", "-p", String(child.pid)]);
    return stdout.trim().startsWith("T");
  });
}

const execute = promisify(execFile);

/** @see proc_pid_status(5), RssAnon, in kB */
function privateMemory(pid: number): number {
  return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function isListening(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("connect", () => resolve(true));
  socket.on("error", () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}
