import { jitter } from "./backoff.ts";
import { type Clock, onAbort, systemClock, withDeadline } from "./clock.ts";
import { ApiError, isConflict, isFault, isInvalid, NotLeaderError } from "./errors.ts";
import { EventLoopTurns } from "./event-loop-turns.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { Lane, WorkQueue } from "./work-queue.ts";

/** When a key is reconciled again after it was reconciled without error. */
export type ReconcileOutcome =
  /** Only a new event can change anything. */
  | { readonly kind: "Settled" }
  /** Time alone changes something. */
  | { readonly kind: "CheckAgain"; readonly afterSeconds: number };

/** What `onResult` gets after each reconcile. */
export type ReconcileResult<K extends string> = {
  readonly key: K;
  readonly result: "Settled" | "CheckAgain" | "Conflict" | "Throttled" | "Terminal" | "Failed" | "Aborted";
  readonly durationMs: number;
  readonly error?: unknown;
};

export type ControllerOptions<K extends string> = {
  readonly name: string;
  readonly queue: WorkQueue<K>;
  /**
   * Reconciles one key. Its signal ends with the controller, or after a minute. What it throws is retried with
   * back-off; an error of our own code (neither a response of the API server, nor the lack of one) after ten seconds at
   * the earliest; what the API server calls invalid, after ten minutes.
   */
  readonly reconcile: (key: K, signal: AbortSignal) => Promise<ReconcileOutcome>;
  /**
   * Called with what a reconcile threw, before the key is retried. Its signal ends with the controller, or after 10
   * seconds, whether or not the reconcile had time left. It must not reject.
   */
  readonly onFailure?: ((key: K, error: unknown, signal: AbortSignal) => Promise<void>) | undefined;
  /** Maximum number of concurrent reconciles. Default 16: the connections of the client. */
  readonly workers?: number | undefined;
  /** How long running reconciles may continue after the stop, before their signal ends. Default 30 seconds. */
  readonly gracefulStopMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
  readonly onResult?: ((result: ReconcileResult<K>) => void) | undefined;
};

const WORKERS = 16;
const RECONCILE_TIMEOUT_MS = 60_000;

/** @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/manager/manager.go defaultGracefulShutdownPeriod */
const GRACEFUL_STOP_MS = 30_000;

const REPORT_TIMEOUT_MS = 10_000;

/** A conflict means that our cache is stale: it is not a failure, but the watch needs a moment. */
const CONFLICT_DELAY_MS = 20;
const CONFLICTS_IN_A_ROW = 5;

/** The term ends, or a late renewal saves it. */
const NOT_LEADER_DELAY_MS = 1_000;

/** The same code does the same with the same object: only a change of something else can help. */
const FAULT_RETRY_MS = 10_000;

/** A refusal that is final until the object changes; retried in case what refused it has changed. */
const TERMINAL_RETRY_MS = 10 * 60_000;

/**
 * Processes the queue until the signal is aborted: then nothing new is taken, and it resolves when running reconciles
 * have ended.
 */
export async function runController<K extends string>(
  options: ControllerOptions<K>,
  signal: AbortSignal,
): Promise<void> {
  const { queue, clock = systemClock, workers = WORKERS, gracefulStopMs = GRACEFUL_STOP_MS } = options;
  const grace = new AbortController();
  let cancelGrace = (): void => {};
  const forget = onAbort(signal, () => {
    queue.close();
    cancelGrace = clock.setTimeout(() => grace.abort(signal.reason), gracefulStopMs);
  });
  const worker = new Worker(options, grace.signal);
  await Promise.all(Array.from({ length: workers }, () => worker.run()));
  cancelGrace();
  forget();
}

/** What the workers of one controller share. */
class Worker<K extends string> {
  readonly #options: ControllerOptions<K>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #signal: AbortSignal;
  readonly #conflicts = new Map<K, number>();
  readonly #turns = new EventLoopTurns();

  constructor(options: ControllerOptions<K>, signal: AbortSignal) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#random = options.random ?? Math.random;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { queue } = this.#options;
    for (let taken = await queue.take(); taken !== undefined; taken = await queue.take()) {
      await this.#work(taken.key, taken.lane);
      queue.done(taken.key);
      // Most reconciles write nothing and wait for nothing. Thousands of them in a row, for example after a leader
      // change, would delay timers and responses, until the lease that they need is lost.
      await this.#turns.turn();
    }
  }

  async #work(key: K, lane: Lane): Promise<void> {
    const { reconcile } = this.#options;
    const startMs = this.#clock.monotonicMs();
    let result: ReconcileResult<K>["result"];
    let error: unknown;
    try {
      // In a separate function, so that what it throws before its first `await` is caught as well.
      const outcome = await withDeadline(this.#clock, RECONCILE_TIMEOUT_MS, this.#signal, async (signal) =>
        reconcile(key, signal),
      );
      result = this.#settle(key, outcome, lane);
    } catch (thrown) {
      error = thrown;
      result = await this.#fail(key, thrown, lane);
    }
    this.#options.onResult?.({ key, result, durationMs: this.#clock.monotonicMs() - startMs, error });
  }

  #settle(key: K, outcome: ReconcileOutcome, lane: Lane): ReconcileResult<K>["result"] {
    const { queue } = this.#options;
    queue.forget(key);
    this.#conflicts.delete(key);
    if (outcome.kind === "CheckAgain") queue.addAfter(key, outcome.afterSeconds * 1000, lane);
    return outcome.kind;
  }

  async #fail(key: K, error: unknown, lane: Lane): Promise<ReconcileResult<K>["result"]> {
    const { onFailure, queue } = this.#options;
    if (this.#signal.aborted) return "Aborted";
    if (error instanceof NotLeaderError) {
      queue.addAfter(key, NOT_LEADER_DELAY_MS, lane);
      return "Aborted";
    }
    if (onFailure !== undefined) {
      await withDeadline(this.#clock, REPORT_TIMEOUT_MS, this.#signal, (signal) => onFailure(key, error, signal));
    }
    return this.#retry(key, error, lane);
  }

  /** One case for each kind of failure: when the key is retried, and at which level it is logged. */
  #retry(key: K, error: unknown, lane: Lane): ReconcileResult<K>["result"] {
    const { queue, name: controller } = this.#options;
    const kind = this.#classify(key, error);
    switch (kind) {
      case "Conflict":
        this.#conflicts.set(key, (this.#conflicts.get(key) ?? 0) + 1);
        queue.addAfter(key, jitter(CONFLICT_DELAY_MS, 1, 5, this.#random), lane);
        this.#logger.debug({ controller, key, reason: kind }, "reconcile hit a conflict");
        return kind;
      case "Throttled": {
        const delayMs = jitter(error instanceof ApiError ? (error.retryAfterMs ?? 1000) : 1000, 1, 1.5, this.#random);
        queue.addAfter(key, delayMs, lane);
        this.#logger.warn({ controller, key, delayMs }, "the API server throttles requests");
        return kind;
      }
      case "Terminal":
        queue.forget(key);
        this.#conflicts.delete(key);
        queue.addAfter(key, TERMINAL_RETRY_MS, "Low");
        this.#logger.warn(
          { controller, key, err: error },
          "reconcile failed; retrying after a change, or in ten minutes",
        );
        return kind;
      case "Failed": {
        this.#conflicts.delete(key);
        const delayMs = queue.addRateLimited(key, lane, isFault(error) ? FAULT_RETRY_MS : 0);
        this.#logger.warn(
          { controller, key, err: error, attempt: queue.failures(key), delayMs },
          "reconcile failed; retrying",
        );
        return kind;
      }
    }
  }

  #classify(key: K, error: unknown): "Conflict" | "Throttled" | "Terminal" | "Failed" {
    if (isInvalid(error)) return "Terminal";
    if (error instanceof ApiError && error.code === 429) return "Throttled";
    return isConflict(error) && (this.#conflicts.get(key) ?? 0) < CONFLICTS_IN_A_ROW ? "Conflict" : "Failed";
  }
}
