import { type Clock, onAbort } from "./clock.ts";

/**
 * Runs with a signal that ends with `signal`, or after `timeoutMs` (its reason is a `TimeoutError` then). What runs has
 * to obey it: this waits for its end, so that nothing goes on behind the caller's back.
 */
export async function withDeadline<R>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const controller = new AbortController();
  const forget = onAbort(signal, () => controller.abort(signal.reason));
  const cancel = clock.setTimeout(() => {
    controller.abort(new DOMException(`no end after ${Math.round(timeoutMs / 1000)} s`, "TimeoutError"));
  }, timeoutMs);
  try {
    return await run(controller.signal);
  } finally {
    cancel();
    forget();
  }
}
