import { type Clock, sleepOn } from "../clock.ts";

type Timer = { readonly dueMs: number; readonly callback: () => void };

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #ms = 0;
  readonly #start: number;
  #timers: Timer[] = [];

  constructor(start: Date = new Date("2026-01-01T00:00:00Z")) {
    this.#start = start.getTime();
  }

  now(): Date {
    return new Date(this.#start + this.#ms);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  setTimeout(callback: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#ms + Math.max(0, delayMs), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Moves the time on; each timer on the way fires at its own time, and what waits for it runs before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    await settle();
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#ms = Math.max(this.#ms, timer.dueMs);
      this.#timers = this.#timers.filter((other) => other !== timer);
      timer.callback();
      await settle();
    }
    this.#ms = end;
  }

  /** Moves the time on without firing a timer, as if the process had been stopped; `advance` fires them late then. */
  jump(ms: number): void {
    this.#ms += ms;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= end && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    }
    return first;
  }
}

/** Lets everything that is ready to run, run: promises, and what they start. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
