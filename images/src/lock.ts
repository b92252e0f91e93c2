import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { BuildError } from "./progress.ts";

/** A lock that is held until it is disposed of, or until this process is gone. */
export type Lock = AsyncDisposable;

/**
 * Waits until nobody else holds the lock of this file, and takes it.
 *
 * The kernel's file lock, by flock(1), held by a child whose standard input we keep open: however this process dies, the
 * lock is free again, so there are no stale ones to recognise.
 *
 * @param onWait Called once when somebody else holds it.
 */
export async function lock(file: string, onWait: () => void, signal: AbortSignal): Promise<Lock> {
  await mkdir(dirname(file), { recursive: true });
  const first = await hold(file, ["--nonblock"], signal);
  if (first !== undefined) return first;
  onWait();
  const second = await hold(file, [], signal);
  if (second === undefined) throw new BuildError(`flock cannot lock ${file}. Install the Debian package util-linux.`);
  return second;
}

async function hold(file: string, options: readonly string[], signal: AbortSignal): Promise<Lock | undefined> {
  const holder = spawn("flock", [...options, file, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true, // Ctrl-C reaches this process alone, which frees the lock after it has cleaned up
  });
  const closed = once(holder, "close");
  const held = await Promise.race([
    once(holder.stdout, "data", { signal }).then(() => true),
    closed.then(() => false),
  ]).catch((error: unknown) => {
    holder.kill();
    signal.throwIfAborted();
    throw new BuildError(`flock cannot lock ${file}. Install the Debian package util-linux.`, { cause: error });
  });
  if (!held) return undefined;
  return {
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end();
      await closed;
    },
  };
}
