import { setImmediate } from "node:timers/promises";

/** A long stream is read in turns of at most this much, so that lease renewals and probes get their turn too. */
const MAX_EVENTS = 50;
const MAX_MS = 8;

/** Yields to timers and other I/O now and then: iterating what has been received already would never do so. */
export class Fairness {
  #events = 0;
  #startMs: number = performance.now();

  /** Call it after each event. */
  async turn(): Promise<void> {
    if (++this.#events < MAX_EVENTS && performance.now() - this.#startMs < MAX_MS) return;
    await setImmediate();
    this.#events = 0;
    this.#startMs = performance.now();
  }
}
