import type { Clock } from "./clock.ts";

/** Ends a signal when nothing has been heard for too long, or with the signal above it. */
export class SilenceGuard implements Disposable {
  readonly #clock: Clock;
  readonly #above: AbortSignal;
  readonly #controller: AbortController = new AbortController();
  readonly #onAbort: () => void;
  #cancel: () => void = () => {};
  #deadlineMs = 0;
  #timerMs = Number.POSITIVE_INFINITY;
  #silent = false;
  #calls = 0;

  constructor(clock: Clock, above: AbortSignal) {
    this.#clock = clock;
    this.#above = above;
    this.#onAbort = () => this.#controller.abort(above.reason);
    if (above.aborted) this.#onAbort();
    above.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True if it was silence that ended the signal. */
  get silent(): boolean {
    return this.#silent;
  }

  /** True once something was heard after the first expectation. */
  get heard(): boolean {
    return this.#calls > 1;
  }

  /** Something was heard; the next has to follow within this time. */
  expect(withinMs: number): void {
    this.#calls++;
    this.#deadlineMs = this.#clock.monotonicMs() + withinMs;
    // An earlier timer looks again when it fires: a new timer for each chunk would cost more than reading it.
    if (this.#deadlineMs < this.#timerMs) this.#arm();
  }

  [Symbol.dispose](): void {
    this.#cancel();
    this.#above.removeEventListener("abort", this.#onAbort);
    this.#controller.abort(); // the watch ends with its reader, however that ended
  }

  #arm(): void {
    this.#cancel();
    this.#timerMs = this.#deadlineMs;
    this.#cancel = this.#clock.setTimeout(() => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      if (this.#clock.monotonicMs() + 1 < this.#deadlineMs) return this.#arm();
      this.#silent = true;
      this.#controller.abort(new DOMException("nothing was heard", "TimeoutError"));
    }, this.#deadlineMs - this.#clock.monotonicMs());
  }
}
