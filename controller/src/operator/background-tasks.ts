/** Tasks that run beside each other and are ended in the reverse order of their start. */
export class BackgroundTasks {
  readonly #ends: (() => Promise<void>)[] = [];

  /**
   * Starts a task that goes on until its signal is aborted.
   * @returns A promise that settles with the task; it may be left alone.
   */
  start(run: (stop: AbortSignal) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const running = run(stop.signal);
    running.catch(() => undefined); // whoever waits for it sees the failure
    this.defer(async () => {
      stop.abort();
      await running.catch(() => undefined);
    });
    return running;
  }

  /** Something to be done in its turn at the end. */
  defer(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  /** Ends what was started, one after the other, the last first. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).toReversed()) await end();
  }
}
