import { setImmediate } from "node:timers/promises";

/**
 * Long streams are read, and many keys worked on, in turns of at most this length, so that lease renewals and probes
 * get theirs.
 */
const MAX_EVENTS = 50;
const MAX_MS = 8;

/** Yields to timers and other I/O now and then: iterating over what is already there would never do so. */
export class EventLoopTurns {
  #events = 0;
  #startMs: number = performance.now();

  /** Call it after each event or key. */
  async turn(): Promise<void> {
    if (++this.#events < MAX_EVENTS && performance.now() - this.#startMs < MAX_MS) return;
    await setImmediate();
    this.#events = 0;
    this.#startMs = performance.now();
  }
}
