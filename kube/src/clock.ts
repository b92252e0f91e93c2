/**
 * The only source of time. Everything in this package that waits or measures takes one, so that tests control the time.
 */
export interface Clock {
  /** Wall clock, only for timestamps that people or other programs read. */
  now(): Date;
  /** Milliseconds that never jump: for every duration and deadline. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`. The returned function cancels it, and may be called at any time. */
  setTimeout(callback: () => void, delayMs: number): () => void;
  /**
   * Waits.
   * @throws the signal's reason as soon as the signal is aborted.
   */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** Calls back when the signal is aborted, at once if it already is. The returned function cancels that. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) callback();
  signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}

/** Resolves when the signal is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => onAbort(signal, resolve));
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  setTimeout: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  sleep: (delayMs, signal) => sleepOn(systemClock, delayMs, signal),
};

/** `Clock.sleep` for a clock that has a `setTimeout`. */
export function sleepOn(clock: Pick<Clock, "setTimeout">, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const cancel = clock.setTimeout(() => {
      forget();
      resolve();
    }, delayMs);
    const forget = onAbort(signal, () => {
      cancel();
      reject(signal.reason as Error);
    });
  });
}

/**
 * Runs with a signal that ends with `signal`, or after `timeoutMs` (its reason is a `TimeoutError` then). What runs
 * must obey it: this waits for its end, so that nothing continues behind the caller's back.
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
