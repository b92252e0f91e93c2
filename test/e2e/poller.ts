import type { Send } from "../integration/authorization/sign-in.ts";

/** A page that is asked for again and again, and how it answers while all is well. */
export type Polled = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
};

/** Asks for pages all the time, each in its turn, and keeps what was not as expected. */
export class Poller {
  readonly failures: string[] = [];
  readonly #stop = new AbortController();
  readonly #rounds: Promise<void>;
  #asked = 0;

  constructor(pages: readonly Polled[], send: Send) {
    this.#rounds = this.#poll(pages, send);
  }

  /** Ends the asking. @returns how many answers came as expected. */
  async stop(): Promise<number> {
    this.#stop.abort();
    await this.#rounds;
    return this.#asked - this.failures.length;
  }

  async #poll(pages: readonly Polled[], send: Send): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const { url, headers, status } of pages) {
        const answered = await send(url, headers).then(
          (answer) => String(answer.status),
          (error: unknown) => String(error),
        );
        this.#asked += 1;
        if (answered !== String(status)) this.failures.push(`${new Date().toISOString()} ${url}: ${answered}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
