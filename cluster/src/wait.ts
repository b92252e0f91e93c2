import { setTimeout as delay } from "node:timers/promises";
import { ClusterError } from "./errors.ts";

/** What {@link waitUntil} waits for, and for how long. */
export type WaitOptions = {
  /** Completes the sentence "waiting for …". */
  readonly what: string;
  readonly timeoutSeconds: number;
  /** Time between two checks. Default 100 ms. */
  readonly intervalMilliseconds?: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Checks a condition repeatedly until it holds. A condition that throws ends the wait with that error.
 * Throws ClusterError after the time limit, and the signal's reason when it is aborted.
 */
export async function waitUntil(condition: () => Promise<boolean> | boolean, options: WaitOptions): Promise<void> {
  const deadline = performance.now() + options.timeoutSeconds * 1000;
  for (;;) {
    options.signal?.throwIfAborted();
    if (await condition()) return;
    if (performance.now() > deadline) {
      throw new ClusterError(`Timed out after ${options.timeoutSeconds} s waiting for ${options.what}.`);
    }
    const pause = delay(
      options.intervalMilliseconds ?? 100,
      undefined,
      options.signal ? { signal: options.signal } : {},
    );
    await pause.catch(() => options.signal?.throwIfAborted());
  }
}
