/** Concurrent tasks that are stopped in the reverse order of their start. */
export class BackgroundTasks {
  readonly #ends: (() => Promise<void>)[] = [];

  /**
   * Starts a task that runs until its signal is aborted.
   * @returns A promise that settles with the task; it need not be awaited.
   */
  start(run: (stop: AbortSignal) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const running = run(stop.signal);
    running.catch(() => undefined); // a caller that awaits it sees the failure
    this.defer(async () => {
      stop.abort();
      await running.catch(() => undefined);
    });
    return running;
  }

  /** A cleanup that runs in its turn at the shutdown. */
  defer(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  /** Stops all tasks one by one, the last first. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).toReversed()) await end();
  }
}
