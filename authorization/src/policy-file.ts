import { watch, type FSWatcher } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parsePolicy, type Policy } from "./policy.ts";

/** The kubelet updates a ConfigMap by several changes in one directory; they are handled together. */
const DEBOUNCE_MS = 20;
/** Longer than any sensible list: 1 MiB is the limit of a ConfigMap. */
const MAX_CHARACTERS = 1024 * 1024;

/**
 * The policy as the mounted directory says it, always the newest.
 *
 * The directory is watched, not the file: a ConfigMap changes by renaming the link `..data`, which an open file never
 * sees. `refresh` is also called at an interval, in case an event is lost or the directory appears late.
 */
export class PolicyFile {
  readonly #directory: string;
  readonly #onChange: (policy: Policy) => void;
  /** The text that the policy was read from; compared to detect a change. */
  #source: string | undefined;
  #policy: Policy = { kind: "Broken", problem: "it has not been read yet" };
  #watcher: FSWatcher | undefined;
  #debounce: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();

  /** @param onChange Called after each change of the file's text, the first included. */
  constructor(directory: string, onChange: (policy: Policy) => void) {
    this.#directory = directory;
    this.#onChange = onChange;
  }

  get current(): Policy {
    return this.#policy;
  }

  /** Reads the file again and makes sure the directory is watched. Settles when what was on disk is in force. */
  async refresh(): Promise<void> {
    this.#startWatching();
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  close(): void {
    clearTimeout(this.#debounce);
    this.#stopWatching();
  }

  async #read(): Promise<void> {
    const { source, policy } = await readPolicy(join(this.#directory, "policy.json"));
    if (source === this.#source) return;
    this.#source = source;
    this.#policy = policy;
    this.#onChange(policy);
  }

  #startWatching(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(this.#directory, { persistent: false }, () => this.#soon());
      this.#watcher.on("error", () => this.#stopWatching());
    } catch {
      this.#stopWatching(); // no such directory yet: the next refresh tries again
    }
  }

  #stopWatching(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #soon(): void {
    clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => void this.refresh(), DEBOUNCE_MS);
  }
}

async function readPolicy(path: string): Promise<{ readonly source: string; readonly policy: Policy }> {
  try {
    const text = await readFile(path, "utf8");
    return text.length > MAX_CHARACTERS ? unreadable("it is too long") : { source: text, policy: parsePolicy(text) };
  } catch (error) {
    return unreadable(`it cannot be read: ${error instanceof Error && "code" in error ? error.code : "unknown error"}`);
  }
}

function unreadable(problem: string): { readonly source: string; readonly policy: Policy } {
  return { source: problem, policy: { kind: "Broken", problem } };
}
