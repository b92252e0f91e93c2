import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { ClusterError } from "./errors.ts";

/**
 * Runs an action while no other process holds the same lock file. The kernel frees the lock when this process ends,
 * however it ends: the lock is held by a child that lives as long as its input is open.
 *
 * @param onWait called once if somebody else holds the lock
 * @param signal ends the wait for the lock, not the action
 */
export async function withLock<T>(
  path: string,
  onWait: () => void,
  action: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const holder = spawn("flock", ["--exclusive", path, "sh", "-c", "echo locked; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true, // so that Ctrl-C ends the action first, and only then frees the lock
  });
  const reminder = setTimeout(onWait, 300);
  const giveUp = (): void => void holder.kill();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once("error", () => reject(new ClusterError("`flock` is missing: install the package util-linux.")));
      holder.once("exit", () => reject(signal?.reason ?? new ClusterError(`The lock ${path} cannot be taken.`)));
      holder.stdout.once("data", () => resolve());
    });
    clearTimeout(reminder);
    signal?.removeEventListener("abort", giveUp);
    return await action();
  } finally {
    signal?.removeEventListener("abort", giveUp);
    clearTimeout(reminder);
    holder.stdin.end();
  }
}
