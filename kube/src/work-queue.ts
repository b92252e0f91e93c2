import { exponentialMs, jitter } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";
import { DelayHeap } from "./delay-heap.ts";

/** `High`: somebody waits for it. `Low`: initial lists and safety nets; still every 16th turn. */
export type Level = "High" | "Low";

export type WorkQueueOptions = {
  readonly clock?: Clock | undefined;
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined;
  /** Default 100 ms. */
  readonly backoffBaseMs?: number | undefined;
  /** Default 300 s. */
  readonly backoffCapMs?: number | undefined;
  /** Time from being ready to being taken, for a metric. */
  readonly onTaken?: ((waitMs: number) => void) | undefined;
};

/**
 * client-go has 5 ms and 1000 s. 5 ms makes seven attempts at the same broken dependency within 0.6 s; 1000 s is longer
 * than anybody waits for a server.
 * @see https://github.com/kubernetes/client-go/blob/master/util/workqueue/default_rate_limiters.go
 */
const BACKOFF_BASE_MS = 100;
const BACKOFF_CAP_MS = 300_000;

/** One turn in so many belongs to the low level, however much is waiting in the high one. */
const LOW_LEVEL_TURN = 16;

type Taken<K> = { readonly key: K; readonly level: Level };

/**
 * Keys to be worked on: each at most once at a time, none lost, none in twice. A key that is added while it is worked on
 * is ready again when that is done.
 */
export class WorkQueue<K extends string> {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #onTaken: (waitMs: number) => void;
  /** Key → when it became ready; a Map keeps the order of arrival. */
  readonly #ready: Readonly<Record<Level, Map<K, number>>> = { High: new Map(), Low: new Map() };
  readonly #processing = new Set<K>();
  readonly #dirty = new Map<K, Level>();
  readonly #delays = new DelayHeap<K>();
  readonly #delayedLevel = new Map<K, Level>();
  readonly #failures = new Map<K, number>();
  #waiting: ((taken: Taken<K> | undefined) => void)[] = [];
  #cancelTimer: () => void = () => {};
  #turns = 0;
  #closed = false;

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#baseMs = options.backoffBaseMs ?? BACKOFF_BASE_MS;
    this.#capMs = options.backoffCapMs ?? BACKOFF_CAP_MS;
    this.#onTaken = options.onTaken ?? (() => {});
  }

  /** Keys that are ready. */
  get depth(): number {
    return this.#ready.High.size + this.#ready.Low.size;
  }

  /** Keys that are being worked on. */
  get processing(): number {
    return this.#processing.size;
  }

  /** Keys that become ready later. */
  get delayed(): number {
    return this.#delays.size;
  }

  /** Makes a key ready at once; a delay it had is over. */
  add(key: K, level: Level = "High"): void {
    if (this.#closed) return;
    this.#undelay(key);
    if (this.#processing.has(key)) {
      this.#dirty.set(key, higher(level, this.#dirty.get(key)));
      return;
    }
    if (this.#ready.High.has(key) || (level === "Low" && this.#ready.Low.has(key))) return;
    const readySinceMs = this.#ready.Low.get(key) ?? this.#clock.monotonicMs();
    this.#ready.Low.delete(key);
    this.#ready[level].set(key, readySinceMs);
    this.#wake();
  }

  /** Makes a key ready later; the earliest of several times wins, and a key that is ready already stays so. */
  addAfter(key: K, delayMs: number, level: Level = "High"): void {
    if (this.#closed || this.#isReady(key) || this.#dirty.has(key)) return;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const before = this.#delays.dueMs(key);
    this.#delayedLevel.set(key, higher(level, this.#delayedLevel.get(key)));
    if (before !== undefined && before <= dueMs) return;
    this.#delays.set(key, dueMs);
    this.#arm();
  }

  /** Makes a key ready after a delay that doubles with every failure in a row. @returns The delay in milliseconds. */
  addRateLimited(key: K, level: Level = "High"): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    const delayMs = Math.min(
      this.#capMs,
      jitter(exponentialMs(this.#baseMs, this.#capMs, failures), 0.9, 1.1, this.#random),
    );
    this.addAfter(key, delayMs, level);
    return delayMs;
  }

  /** Ends a row of failures. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /** Failures in a row. */
  failures(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, when there is one; undefined once the queue is closed. Every key taken must be given to `done`. */
  take(): Promise<Taken<K> | undefined> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(undefined);
      this.#waiting.push(resolve);
      this.#wake();
    });
  }

  /** Ends the work on a key. */
  done(key: K): void {
    this.#processing.delete(key);
    const level = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (level !== undefined) this.add(key, level);
  }

  /** No more work: waiting and later calls of `take` get undefined. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const resolve of this.#waiting) resolve(undefined);
    this.#waiting = [];
  }

  #isReady(key: K): boolean {
    return this.#ready.High.has(key) || this.#ready.Low.has(key);
  }

  #undelay(key: K): void {
    this.#delays.delete(key);
    this.#delayedLevel.delete(key);
  }

  /** Gives ready keys to waiting workers. */
  #wake(): void {
    while (this.#waiting.length > 0 && this.depth > 0) {
      const level = this.#nextLevel();
      const [[key, readySinceMs]] = this.#ready[level] as unknown as [[K, number]]; // its first: it is not empty
      this.#ready[level].delete(key);
      this.#processing.add(key);
      this.#onTaken(this.#clock.monotonicMs() - readySinceMs);
      this.#waiting.shift()?.({ key, level });
    }
  }

  #nextLevel(): Level {
    this.#turns = (this.#turns + 1) % LOW_LEVEL_TURN;
    const lowFirst = this.#turns === 0 || this.#ready.High.size === 0;
    return lowFirst && this.#ready.Low.size > 0 ? "Low" : "High";
  }

  /** Sets the one timer to the earliest delay. */
  #arm(): void {
    this.#cancelTimer();
    const nextMs = this.#delays.nextMs();
    if (nextMs === undefined || this.#closed) return;
    // A machine's timer counts at most 2^31 - 1 milliseconds; a later due time is armed again then.
    const delayMs = Math.min(Math.max(0, nextMs - this.#clock.monotonicMs()), 2 ** 31 - 1);
    this.#cancelTimer = this.#clock.setTimeout(() => this.#release(), delayMs);
  }

  #release(): void {
    // A timer may fire a fraction of a millisecond early.
    const nowMs = this.#clock.monotonicMs() + 1;
    for (let key = this.#delays.popDue(nowMs); key !== undefined; key = this.#delays.popDue(nowMs)) {
      const level = this.#delayedLevel.get(key);
      this.#delayedLevel.delete(key);
      this.add(key, level);
    }
    this.#arm();
  }
}

function higher(a: Level, b: Level | undefined): Level {
  return a === "High" || b === "High" ? "High" : "Low";
}
