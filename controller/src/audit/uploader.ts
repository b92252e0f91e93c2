import { access } from "node:fs/promises";
import { type Clock, exponentialMs, jitter, type Logger } from "@amalthea/kube";
import { unlessAborted } from "./bounded.ts";
import { hasCode } from "./file-errors.ts";
import { type Digest, digestOf } from "./log-content.ts";
import type { RotatedFile, LogFolder } from "./log-folder.ts";
import type { S3Target } from "./s3.ts";

export type UploaderOptions = {
  readonly folder: Pick<LogFolder, "rotated" | "remove">;
  readonly target: S3Target;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onUpload: (result: "Succeeded" | "Failed") => void;
  /** How many rotated files wait. */
  readonly onWaiting: (files: number) => void;
};

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
const IDLE_MS = 3_600_000;

/** Uploads rotated files, the oldest first, and deletes what is uploaded. */
export class Uploader {
  readonly #options: UploaderOptions;
  #waker = new AbortController();

  constructor(options: UploaderOptions) {
    this.#options = options;
  }

  /** Another file is rotated. */
  wake(): void {
    this.#waker.abort();
  }

  /** Uploads until the signal is aborted; failures are retried with back-off. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      this.#waker = new AbortController();
      const woken = AbortSignal.any([signal, this.#waker.signal]);
      failures = (await this.uploadAll(signal)) ? 0 : failures + 1;
      await this.#options.clock.sleep(delayMs(failures), woken).catch(() => undefined);
    }
  }

  /**
   * Uploads the rotated files, up to the first failure of the object store. @returns Whether nothing is left. Never
   * rejects.
   */
  async uploadAll(signal: AbortSignal): Promise<boolean> {
    return (await unlessAborted(this.#uploadAll(signal), signal)) ?? false; // a volume may hang
  }

  async #uploadAll(signal: AbortSignal): Promise<boolean> {
    const { folder, onWaiting, onUpload } = this.#options;
    try {
      const files = await folder.rotated();
      const unreadable: unknown[] = [];
      for (const [index, file] of files.entries()) {
        onWaiting(files.length - index + unreadable.length);
        const digest = await digestOf(file.path).catch(async (error: unknown) => {
          if (!(await isGone(file))) unreadable.push(error); // else another replica was faster
          return undefined;
        });
        if (digest !== undefined && (await this.#upload({ ...file, ...digest }, signal))) onUpload("Succeeded");
      }
      onWaiting(unreadable.length);
      if (unreadable.length > 0) this.#reportFailure(unreadable[0]);
      return unreadable.length === 0;
    } catch (err) {
      if (!signal.aborted) this.#reportFailure(err);
      return false;
    }
  }

  #reportFailure(err: unknown): void {
    const { onUpload, logger } = this.#options;
    onUpload("Failed");
    logger.warn({ err }, "cannot upload the audit log; its files wait");
  }

  /** @returns False if another replica was faster. */
  async #upload(file: RotatedFile & Digest, signal: AbortSignal): Promise<boolean> {
    const { folder, target, logger } = this.#options;
    const { putFile } = await import("./s3.ts"); // costs nothing where nothing is uploaded
    try {
      await putFile(file, target, signal);
    } catch (error) {
      if (await isGone(file)) return false;
      throw error;
    }
    await folder.remove(file);
    logger.info({ file: file.name, bytes: file.bytes }, "uploaded a file of the audit log");
    return true;
  }
}

async function isGone({ path }: RotatedFile): Promise<boolean> {
  return await access(path).then(
    () => false,
    (error: unknown) => hasCode(error, "ENOENT"),
  );
}

/** Without a failure a file that is rotated ends the wait; the hour is a safety net. */
function delayMs(failures: number): number {
  if (failures === 0) return IDLE_MS;
  return jitter(exponentialMs(FIRST_RETRY_MS, LAST_RETRY_MS, failures), 0.5, 1, Math.random);
}
