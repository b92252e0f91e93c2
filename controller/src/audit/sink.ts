import { write } from "node:fs";
import { promisify } from "node:util";
import type { Clock } from "@amalthea/kube";
import { hasCode } from "./file-errors.ts";

/** Where lines of the audit log go. */
export interface Sink {
  /** Resolves when the lines are as safe as they get there. @throws; then all of them are given again. */
  append(lines: readonly string[]): Promise<void>;
}

const writeTo = promisify(write);

/** Tells the lines apart from those of the controller's own log. */
const MARK = '{"log":"audit",';

const STANDARD_OUTPUT = 1;

/** Between two checks whether a full pipe has room. */
const FULL_WAIT_MS = 10;

/** Standard output, beside the controller's own log: as durable as its collector makes it. */
export class StandardOutput implements Sink {
  readonly #clock: Clock;
  readonly #fd: number;

  constructor(clock: Clock, fd: number = STANDARD_OUTPUT) {
    this.#clock = clock;
    this.#fd = fd;
  }

  async append(lines: readonly string[]): Promise<void> {
    // One write for each line: one of the controller's own log may come between two.
    for (const line of lines) await this.#writeAll(Buffer.from(`${MARK}${line.slice(1)}\n`));
  }

  async #writeAll(content: Buffer): Promise<void> {
    for (let rest = content; rest.length > 0;) rest = rest.subarray(await this.#writeSome(rest));
  }

  /** @returns How many bytes, after a wait if the pipe is full: to repeat the lines would have them twice. */
  async #writeSome(content: Buffer): Promise<number> {
    try {
      return (await writeTo(this.#fd, content)).bytesWritten;
    } catch (error) {
      if (!hasCode(error, "EAGAIN")) throw error;
      await this.#clock.sleep(FULL_WAIT_MS, new AbortController().signal);
      return 0;
    }
  }
}
