import { type Clock, exponentialMs, jitter, type Logger } from "@amalthea/kube";
import { within } from "./bounded.ts";
import type { Sink } from "./sink.ts";

export type LineWriterOptions = {
  readonly sink: Sink;
  /** Awaited before lines are made; never rejects. */
  readonly ready: () => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onWritten: (lines: number) => void;
  /** Lines that are missing from the log. */
  readonly onLost: (lines: number) => void;
  /** How many wait to be written. */
  readonly onWaiting: (lines: number) => void;
};

/** Servers do not wait longer than this for the audit log. */
const PATIENCE_MS = 2_000;

/** Lines that are kept while they cannot be written, about 1 kB each; further ones are lost. */
const MOST_WAITING = 5_000;

/** Lines that share a write and an fsync. */
const MOST_AT_ONCE = 256;

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

/** A line, made when its turn comes; undefined: there is nothing to be written any more. */
type MakeLine = () => string | undefined;

type Waiting = { readonly line: MakeLine; readonly settle: () => void };

/** Writes lines one batch after the other, in the order in which they came, until it is closed. */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #closed = new AbortController();
  readonly #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  /** Nothing waits for lines after an earlier one was not written in time. */
  #isLate = false;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the line is written, or when waiting is no longer useful: then it is written later, unless too many
   * wait. Never rejects.
   */
  async add(line: MakeLine): Promise<void> {
    if (this.#waiting.length >= MOST_WAITING) return this.#options.onLost(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ line, settle: resolve });
    this.#options.onWaiting(this.#waiting.length);
    this.#working ??= this.#work();
    if (!this.#isLate && !(await within(PATIENCE_MS, promise, this.#options.clock))) this.#isLate = true;
  }

  /** Resolves when nothing waits, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    await within(timeoutMs, this.#working, this.#options.clock);
  }

  /** Tries once more to write what waits, for `timeoutMs`, and reports what is lost. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed.abort();
    await within(timeoutMs, this.#writeRest(), this.#options.clock);
    const lines = this.#waiting.length;
    if (lines > 0) this.#options.logger.error({ lines }, "lines of the audit log were not written before the exit");
  }

  async #writeRest(): Promise<void> {
    await this.#working;
    await this.#writeBatches().catch(() => undefined);
  }

  /** Writes until nothing waits, however often it fails. */
  async #work(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#closed;
    for (let failures = 0; this.#waiting.length > 0 && !signal.aborted;) {
      try {
        await this.#writeBatches();
      } catch (err) {
        this.#isLate = true;
        for (const { settle } of this.#waiting) settle();
        logger.warn({ err, waiting: this.#waiting.length }, "cannot write to the audit log; its lines wait");
        failures += 1;
        const delayMs = jitter(exponentialMs(FIRST_RETRY_MS, LAST_RETRY_MS, failures), 0.5, 1, Math.random);
        await clock.sleep(delayMs, signal).catch(() => undefined);
      }
    }
    this.#working = undefined;
  }

  async #writeBatches(): Promise<void> {
    const { sink, ready, onWritten, onWaiting } = this.#options;
    while (this.#waiting.length > 0) {
      await ready();
      const batch = this.#waiting.slice(0, MOST_AT_ONCE);
      const lines = batch.flatMap(({ line }) => line() ?? []);
      if (lines.length > 0) await sink.append(lines);
      this.#waiting.splice(0, batch.length);
      for (const { settle } of batch) settle();
      this.#isLate = false;
      onWritten(lines.length);
      onWaiting(this.#waiting.length);
    }
  }
}
