import { type Clock, exponentialMs, jitter, type Logger } from "@amalthea/kube";
import type { FinishedFile, LogFolder } from "./log-folder.ts";
import type { S3Target } from "./s3.ts";

export type UploaderOptions = {
  readonly folder: Pick<LogFolder, "finished" | "remove">;
  readonly target: S3Target;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onUpload: (result: "Succeeded" | "Failed") => void;
  /** How many finished files wait. */
  readonly onWaiting: (files: number) => void;
};

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
const IDLE_MS = 3_600_000;

/** Uploads finished files, the oldest first, and deletes what is uploaded. */
export class Uploader {
  readonly #options: UploaderOptions;
  #waker = new AbortController();

  constructor(options: UploaderOptions) {
    this.#options = options;
  }

  /** There is a file more. */
  wake(): void {
    this.#waker.abort();
  }

  /** Uploads until the signal is aborted; a failure is tried again, later each time. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      this.#waker = new AbortController();
      const woken = AbortSignal.any([signal, this.#waker.signal]);
      failures = (await this.uploadAll(signal)) ? 0 : failures + 1;
      await this.#options.clock.sleep(delayMs(failures), woken).catch(() => undefined);
    }
  }

  /** Uploads what is there, up to the first failure. @returns Whether nothing is left. Never rejects. */
  async uploadAll(signal: AbortSignal): Promise<boolean> {
    const { folder, onWaiting, onUpload, logger } = this.#options;
    try {
      const files = await folder.finished();
      for (const [index, file] of files.entries()) {
        onWaiting(files.length - index);
        await this.#upload(file, signal);
        onUpload("Succeeded");
      }
      onWaiting(0);
      return true;
    } catch (err) {
      if (signal.aborted) return false;
      onUpload("Failed");
      logger.warn({ err }, "cannot upload the audit log; its files wait");
      return false;
    }
  }

  async #upload(file: FinishedFile, signal: AbortSignal): Promise<void> {
    const { folder, target, logger } = this.#options;
    const { putFile } = await import("./s3.ts"); // costs nothing where nothing is uploaded
    await putFile(file, target, signal);
    await folder.remove(file);
    logger.info({ file: file.name, bytes: file.bytes }, "uploaded a file of the audit log");
  }
}

/** Without a failure a file that is finished ends the wait; the hour is a net under bugs. */
function delayMs(failures: number): number {
  if (failures === 0) return IDLE_MS;
  return jitter(exponentialMs(FIRST_RETRY_MS, LAST_RETRY_MS, failures), 0.5, 1, Math.random);
}
