import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What happens to a key after it was reconciled without error. */
export type ReconcileOutcome =
  /** Only a new event can change anything. */
  | { readonly kind: "Settled" }
  /** Time alone changes something. */
  | { readonly kind: "CheckAgain"; readonly afterSeconds: number };

/** What `onResult` is told after each reconcile. */
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
   * Brings the world of one key to what it should be. Its signal ends with the controller, or at the time limit.
   * Throw `TerminalError` if trying again cannot help; any other error is tried again, later and later.
   */
  readonly reconcile: (key: K, signal: AbortSignal) => Promise<ReconcileOutcome>;
  /** Keys worked on at the same time. Default 16: the connections of the client. */
  readonly workers?: number | undefined;
  /** Default 60 seconds. */
  readonly reconcileTimeoutMs?: number | undefined;
  /** How long running reconciles may go on after the stop, before their signal ends. Default 30 seconds. */
  readonly gracefulStopMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
  readonly onResult?: ((result: ReconcileResult<K>) => void) | undefined;
};

/** Works the queue until the signal is aborted: then nothing new is taken, and it resolves when what runs has ended. */
export declare function runController<K extends string>(
  options: ControllerOptions<K>,
  signal: AbortSignal,
): Promise<void>;
