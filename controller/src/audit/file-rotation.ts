import type { Clock, Logger } from "@amalthea/kube";
import { unlessAborted } from "./bounded.ts";
import type { LogFolder } from "./log-folder.ts";

export type FileRotationOptions = {
  readonly folder: LogFolder;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
};

/** Between two attempts to rotate a file. */
const LEAST_WAIT_MS = 10_000;
const HOUR_MS = 3_600_000;

/** Rotates files of the audit log in time. Failures are logged and retried. */
export class FileRotation {
  readonly #options: FileRotationOptions;

  constructor(options: FileRotationOptions) {
    this.#options = options;
  }

  /**
   * Rotates what earlier processes left, and the file of this one whenever it is old enough, until the signal is
   * aborted.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, folder } = this.#options;
    for (let isFormerRotated = false; !signal.aborted;) {
      isFormerRotated ||= (await unlessAborted(this.#try(folder.rotateFormer()), signal)) === true;
      const dueInMs = isFormerRotated ? folder.dueInMs(clock.now()) : 0;
      await clock.sleep(Math.min(Math.max(dueInMs, LEAST_WAIT_MS), HOUR_MS), signal).catch(() => undefined);
      if (!signal.aborted && folder.dueInMs(clock.now()) === 0) await unlessAborted(this.#try(folder.rotate()), signal);
    }
  }

  /** The file of this process does not wait until another one begins. */
  async end(): Promise<void> {
    await this.#try(this.#options.folder.rotate());
    await this.#try(this.#options.folder.close());
  }

  /** @returns Whether it was done. */
  async #try(work: Promise<void>): Promise<boolean> {
    return await work.then(
      () => true,
      (err: unknown) => (reportFailedRotation(this.#options.logger, err), false),
    );
  }
}

export function reportFailedRotation(logger: Pick<Logger, "warn">, err: unknown): void {
  logger.warn({ err }, "cannot rotate the file of the audit log; retrying");
}
