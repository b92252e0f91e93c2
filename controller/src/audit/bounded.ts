import { type Clock, onAbort } from "@amalthea/kube";

/** Waits for `work`, though not longer than this. @returns Whether it came to an end in this time. */
export async function within(
  timeoutMs: number,
  work: Promise<unknown> | undefined,
  clock: Pick<Clock, "setTimeout">,
): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const cancel = clock.setTimeout(() => late.resolve(false), timeoutMs);
  const isDone = await Promise.race([(async () => (await work, true))(), late.promise]);
  cancel();
  return isDone;
}

/**
 * Waits for `work`, which must not reject, until the signal is aborted. @returns Its result; undefined if it is still
 * running.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const forget = onAbort(signal, () => aborted.resolve(undefined));
  return await Promise.race([work, aborted.promise]).finally(forget);
}
