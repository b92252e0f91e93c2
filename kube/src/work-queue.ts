import type { Clock } from "./clock.ts";

/** `High`: somebody waits for it. `Low`: initial lists and safety nets; still every 16th turn. */
export type Level = "High" | "Low";

export type WorkQueueOptions = {
  readonly clock?: Clock | undefined;
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined;
  readonly backoffBaseMs?: number | undefined;
  readonly backoffCapMs?: number | undefined;
  /** Time from being ready to being taken, for a metric. */
  readonly onTaken?: ((waitMs: number) => void) | undefined;
};

/** Keys to be worked on: each at most once at a time, none lost, none in twice. */
export declare class WorkQueue<K extends string> {
  constructor(options?: WorkQueueOptions);
  /** Ready keys. */
  readonly depth: number;
  readonly processing: number;
  readonly delayed: number;
  add(key: K, level?: Level): void;
  /** Adds later; the earliest of several wins, and a key that is ready already stays so. */
  addAfter(key: K, delayMs: number, level?: Level): void;
  /** Adds after a delay that doubles with every failure in a row. @returns The delay in milliseconds. */
  addRateLimited(key: K, level?: Level): number;
  /** Ends a row of failures. */
  forget(key: K): void;
  /** Failures in a row. */
  failures(key: K): number;
  /** The next key, when there is one; undefined once the queue is closed. Every key taken must be given to `done`. */
  take(): Promise<{ readonly key: K; readonly level: Level } | undefined>;
  done(key: K): void;
  /** No more work: waiting and later `take` get undefined. */
  close(): void;
}
