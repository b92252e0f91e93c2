import { type Clock, onAbort } from "./clock.ts";

/** Ends a signal when nothing has been received for too long, or with its parent signal. */
export class IdleTimeout {
  readonly #clock: Clock;
  readonly #controller: AbortController = new AbortController();
  readonly #forget: () => void;
  #cancel: () => void = () => {};
  #deadlineMs = 0;
  #timerMs = Number.POSITIVE_INFINITY;
  #silent = false;

  constructor(clock: Clock, above: AbortSignal) {
    this.#clock = clock;
    this.#forget = onAbort(above, () => this.#controller.abort(above.reason));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True if it was silence that ended the signal. */
  get silent(): boolean {
    return this.#silent;
  }

  /** From now on, something must be received within this time. */
  expect(withinMs: number): void {
    this.#deadlineMs = this.#clock.monotonicMs() + withinMs;
    // An earlier timer checks again when it fires: a new timer for each chunk would cost more than reading it.
    if (this.#deadlineMs < this.#timerMs) this.#arm();
  }

  /** Ends the signal, and with it what is read under it. */
  end(): void {
    this.#cancel();
    this.#forget();
    this.#controller.abort();
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
