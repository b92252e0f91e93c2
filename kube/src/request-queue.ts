import { type Clock, withDeadline } from "./clock.ts";
import { runController } from "./controller.ts";
import type { Logger } from "./logger.ts";
import type { ObjectKey } from "./objects.ts";
import { WorkQueue } from "./work-queue.ts";

export type RequestQueueOptions<R, A> = {
  /** For the log. */
  readonly name: string;
  /** Requests at the same time. */
  readonly workers: number;
  /** For each request. */
  readonly timeoutMs: number;
  /** Its signal ends with the queue, or at the time limit. */
  readonly send: (request: R, signal: AbortSignal) => Promise<A>;
  /** One of these two is called for each request, unless the queue has ended. */
  readonly onAnswer: (request: R, answer: A) => void;
  readonly onFailure: (request: R, error: unknown) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * Requests outside of the reconciles, so that none waits for a response: each key at most once at a time, namespaces in
 * turn. Responses arrive like watch events.
 */
export class RequestQueue<R, A> {
  readonly #options: RequestQueueOptions<R, A>;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #requests = new Map<ObjectKey, R>();

  constructor(options: RequestQueueOptions<R, A>) {
    this.#options = options;
    this.#queue = new WorkQueue<ObjectKey>({ clock: options.clock });
    this.#queue.close(); // until `run`
  }

  /** Returns at once. Nothing is sent while this does not run, or while a request of that key is pending. */
  add(key: ObjectKey, request: R): void {
    if (!this.#queue.isOpen || this.#requests.has(key)) return;
    this.#requests.set(key, request);
    this.#queue.add(key);
  }

  /** The pending request of that key. */
  get(key: ObjectKey): R | undefined {
    return this.#requests.get(key);
  }

  /** Sends until the signal is aborted; what is pending then is dropped. */
  async run(signal: AbortSignal): Promise<void> {
    const { name, workers, clock, logger } = this.#options;
    this.#requests.clear();
    this.#queue.open();
    const reconcile = async (key: ObjectKey): Promise<{ readonly kind: "Settled" }> => {
      await this.#send(key, signal);
      return { kind: "Settled" };
    };
    await runController({ name, queue: this.#queue, workers, reconcile, clock, logger }, signal);
  }

  async #send(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const { clock, onAnswer, onFailure, send, timeoutMs } = this.#options;
    const request = this.#requests.get(key);
    if (request === undefined) return;
    const sent = withDeadline(clock, timeoutMs, signal, async (deadline) => await send(request, deadline));
    const [result] = await Promise.allSettled([sent]);
    this.#requests.delete(key);
    if (signal.aborted) return;
    if (result.status === "fulfilled") onAnswer(request, result.value);
    else onFailure(request, result.reason);
  }
}
