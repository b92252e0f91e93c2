import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeptSession } from "./kept-session.ts";

/**
 * The sessions as files, one each, in a directory in memory that no other container sees: a restart of this process ends
 * no session, and restores none that was signed out. Without a directory they are only in memory.
 */
export class SessionFiles {
  readonly #directory: string | undefined;
  readonly #onProblem: (problem: string) => void;
  /** Changes of one file in their order. */
  readonly #changes = new Map<string, Promise<void>>();

  /** @param onProblem Called when the files cannot be read or written; sessions continue without them. */
  constructor(directory: string | undefined, onProblem: (problem: string) => void) {
    this.#directory = directory;
    this.#onProblem = onProblem;
  }

  /** What is readable and whole. */
  async read(): Promise<readonly KeptSession[]> {
    const directory = this.#directory;
    if (directory === undefined) return [];
    try {
      const names = (await readdir(directory)).filter((name) => name.endsWith(SUFFIX));
      const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
      return texts.map(parseSession).filter((session) => session !== undefined);
    } catch (error) {
      this.#report(error);
      return [];
    }
  }

  write(session: KeptSession): void {
    this.#change(session.id, async (path) => {
      await writeFile(`${path}.new`, JSON.stringify(session), { mode: 0o600 });
      await rename(`${path}.new`, path);
    });
  }

  remove(id: string): void {
    this.#change(id, (path) => rm(path, { force: true }));
  }

  /** Settles when all changes so far are done. */
  async settled(): Promise<void> {
    await Promise.all(this.#changes.values());
  }

  #change(id: string, change: (path: string) => Promise<void>): void {
    if (this.#directory === undefined) return;
    const path = join(this.#directory, `${id}${SUFFIX}`);
    const before = this.#changes.get(id) ?? Promise.resolve();
    const done = before
      .then(() => change(path))
      .catch((error: unknown) => this.#report(error))
      .finally(() => {
        if (this.#changes.get(id) === done) this.#changes.delete(id);
      });
    this.#changes.set(id, done);
  }

  #report(error: unknown): void {
    this.#onProblem(error instanceof Error && "code" in error ? String(error.code) : "unknown error");
  }
}

const SUFFIX = ".json";

/** The directory is ours alone: what can be read and has an id is what was written. */
function parseSession(text: string): KeptSession | undefined {
  try {
    const session = JSON.parse(text) as KeptSession | null;
    return typeof session?.id === "string" && typeof session.identity.userId === "string" ? session : undefined;
  } catch {
    return undefined;
  }
}
