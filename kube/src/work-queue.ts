import { exponentialMs, jitter } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";
import { FairLane, groupOf, RecentTurns } from "./fair-lane.ts";

/**
 * `Urgent`: an update of a known object; usually it costs one write, and somebody waits for it. `Normal`: a new object.
 * `Low`: initial lists and safety nets.
 */
export type Lane = "Urgent" | "Normal" | "Low";

/** The most urgent first. */
const LANES: readonly Lane[] = ["Urgent", "Normal", "Low"];

export type WorkQueueOptions = {
  readonly clock?: Clock | undefined;
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined;
  /** Time from being ready to being taken, for a metric. */
  readonly onTaken?: ((waitMs: number) => void) | undefined;
};

/**
 * client-go has 5 ms and 1000 s. 5 ms means seven attempts at the same broken dependency within 0.6 s; 1000 s is longer
 * than anybody waits for a server.
 * @see https://github.com/kubernetes/client-go/blob/master/util/workqueue/default_rate_limiters.go
 */
const BACKOFF_BASE_MS = 100;
const BACKOFF_CAP_MS = 300_000;

/** One in this many turns is reserved for a lane, however much waits in the more urgent ones. */
const OWN_TURN: Readonly<Record<Lane, number>> = { Urgent: 1, Normal: 4, Low: 16 };

/**
 * The share of the workers that a lane's reserved turns may occupy. Turns alone do not protect what is urgent: a new
 * object takes many writes, and all workers would soon be busy with those.
 */
const OWN_WORKERS = 1 / 4;

/**
 * The share of the workers that updates of one group may occupy while updates or new objects of others wait: a
 * namespace whose objects are changed all the time must not delay those.
 */
const NEWS_WORKERS = 1 / 4;

/** Where somebody waits. Nobody does in the low lane, which has its own turns. */
const LANES_WITH_HURRY: readonly Lane[] = ["Urgent", "Normal"];

const NONE: ReadonlySet<string> = new Set();

/** A timer counts at most 2^31 - 1 milliseconds; what is due later is armed again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Taken<K> = { readonly key: K; readonly lane: Lane };
type Delay = { readonly dueMs: number; readonly lane: Lane; readonly cancel: () => void };

/**
 * Keys to process: each at most once at a time, none lost, none queued twice. A key that is added while it is processed
 * is ready again when that is done. Accepts keys only while it is open; a new queue is open.
 */
export class WorkQueue<K extends string> {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onTaken: (waitMs: number) => void;
  readonly #ready: Readonly<Record<Lane, FairLane<K>>> = {
    Urgent: new FairLane(),
    Normal: new FairLane(),
    Low: new FairLane(),
  };
  readonly #recent = new RecentTurns();
  readonly #processing = new Map<K, Lane>();
  readonly #dirty = new Map<K, Lane>();
  readonly #delays = new Map<K, Delay>();
  readonly #failures = new Map<K, number>();
  #waiting: ((taken: Taken<K> | undefined) => void)[] = [];
  #turns = 0;
  #open = true;

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#onTaken = options.onTaken ?? (() => {});
  }

  /** Whether keys are accepted. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Keys that are ready. */
  get depth(): number {
    return LANES.reduce((sum, lane) => sum + this.#ready[lane].size, 0);
  }

  /** Keys that are being processed. */
  get processing(): number {
    return this.#processing.size;
  }

  /** Keys that become ready later. */
  get delayed(): number {
    return this.#delays.size;
  }

  /** Makes a key ready at once, and cancels its delay. */
  add(key: K, lane: Lane = "Urgent"): void {
    if (!this.#open) return;
    this.#undelay(key);
    if (this.#processing.has(key)) {
      this.#dirty.set(key, moreUrgent(lane, this.#dirty.get(key)));
      return;
    }
    const present = this.#laneOf(key);
    if (present !== undefined && moreUrgent(lane, present) === present) return;
    const sinceMs = present === undefined ? undefined : this.#ready[present].sinceMs(key);
    if (present !== undefined) this.#ready[present].delete(key);
    this.#ready[lane].add(key, sinceMs ?? this.#clock.monotonicMs());
    this.#wake();
  }

  /** Makes a key ready later; the earliest of several times wins, and a key that is ready already stays so. */
  addAfter(key: K, delayMs: number, lane: Lane = "Urgent"): void {
    if (!this.#open || this.#laneOf(key) !== undefined || this.#dirty.has(key)) return;
    const before = this.#delays.get(key);
    const dueMs = Math.min(this.#clock.monotonicMs() + delayMs, before?.dueMs ?? Number.POSITIVE_INFINITY);
    this.#delay(key, dueMs, moreUrgent(lane, before?.lane));
  }

  /**
   * Makes a key ready after a delay that doubles with every consecutive failure.
   * @param atLeastMs The first delay, if longer than 100 ms.
   * @returns The delay in milliseconds.
   */
  addRateLimited(key: K, lane: Lane = "Urgent", atLeastMs = 0): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    const exponential = exponentialMs(Math.max(BACKOFF_BASE_MS, atLeastMs), BACKOFF_CAP_MS, failures);
    const delayMs = Math.min(BACKOFF_CAP_MS, jitter(exponential, 0.9, 1.1, this.#random));
    this.addAfter(key, delayMs, lane);
    return delayMs;
  }

  /** Resets the consecutive failures. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /** Consecutive failures. */
  failures(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, when there is one; undefined once the queue is closed. Every key taken must be given to `done`. */
  take(): Promise<Taken<K> | undefined> {
    return new Promise((resolve) => {
      if (!this.#open) return resolve(undefined);
      this.#waiting.push(resolve);
      this.#wake();
    });
  }

  /** Marks a key as processed. */
  done(key: K): void {
    this.#processing.delete(key);
    const lane = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (lane !== undefined) this.add(key, lane);
  }

  /** Accepts keys again. */
  open(): void {
    this.#open = true;
  }

  /** Drops what waits and accepts nothing: pending and later calls of `take` get undefined. */
  close(): void {
    this.#open = false;
    for (const { cancel } of this.#delays.values()) cancel();
    for (const lane of LANES) this.#ready[lane].clear();
    for (const memory of [this.#delays, this.#dirty, this.#failures]) memory.clear();
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }

  #laneOf(key: K): Lane | undefined {
    return LANES.find((lane) => this.#ready[lane].sinceMs(key) !== undefined);
  }

  #delay(key: K, dueMs: number, lane: Lane): void {
    this.#undelay(key);
    const waitMs = Math.min(Math.max(0, dueMs - this.#clock.monotonicMs()), LONGEST_TIMER_MS);
    const cancel = this.#clock.setTimeout(() => {
      // A timer may fire a fraction of a millisecond early.
      if (this.#clock.monotonicMs() + 1 < dueMs) this.#delay(key, dueMs, lane);
      else this.add(key, lane);
    }, waitMs);
    this.#delays.set(key, { dueMs, lane, cancel });
  }

  #undelay(key: K): void {
    this.#delays.get(key)?.cancel();
    this.#delays.delete(key);
  }

  /** Gives ready keys to waiting workers. */
  #wake(): void {
    while (this.#waiting.length > 0) {
      const nowMs = this.#clock.monotonicMs();
      const full = this.#groupsFullOfNews();
      const lane = this.#nextLane(full);
      const next = this.#ready[lane].take(this.#recent, lane === "Urgent" ? full : NONE);
      if (next === undefined) return;
      this.#recent.count(groupOf(next.key), nowMs);
      this.#processing.set(next.key, lane);
      this.#onTaken(nowMs - next.sinceMs);
      this.#waiting.shift()?.({ key: next.key, lane });
    }
  }

  /** Groups whose updates occupy their share of the workers; none if nobody else waits. */
  #groupsFullOfNews(): ReadonlySet<string> {
    const held = new Map<string, number>();
    for (const [key, lane] of this.#processing) {
      const group = groupOf(key);
      if (lane === "Urgent") held.set(group, (held.get(group) ?? 0) + 1);
    }
    const share = this.#processing.size * NEWS_WORKERS;
    const full = new Set([...held].filter(([, workers]) => workers >= share).map(([group]) => group));
    return LANES_WITH_HURRY.some((lane) => this.#ready[lane].hasOthers(full)) ? full : NONE;
  }

  /**
   * The lane whose reserved turn it is, the least urgent if several; otherwise the most urgent one that is not empty.
   */
  #nextLane(full: ReadonlySet<string>): Lane {
    const filled = LANES.filter((lane) => this.#ready[lane].hasOthers(lane === "Urgent" ? full : NONE));
    if (filled.length > 0) this.#turns++;
    return filled.findLast((lane) => this.#isOwnTurn(lane)) ?? filled[0] ?? "Urgent";
  }

  #isOwnTurn(lane: Lane): boolean {
    if (lane === "Urgent" || this.#turns % OWN_TURN[lane] !== 0) return false;
    const held = [...this.#processing.values()].filter((other) => other === lane).length;
    return held === 0 || held < this.#processing.size * OWN_WORKERS;
  }
}

function moreUrgent(a: Lane, b: Lane | undefined): Lane {
  return b === undefined || LANES.indexOf(a) <= LANES.indexOf(b) ? a : b;
}
