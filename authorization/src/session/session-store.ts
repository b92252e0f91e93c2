import type { KeptSession } from "./kept-session.ts";
import type { SessionFiles } from "./session-files.ts";

/** Of all sessions together; some 5 kB each with a provider's tokens. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Of one person: repeated sign-ins do not evict the sessions of others. */
const MAX_PER_USER = 20;

/** The sessions of this server, by their ids; the oldest are evicted first. */
export class SessionStore {
  readonly #files: SessionFiles;
  readonly #sessions = new Map<string, KeptSession>();
  #bytes = 0;

  constructor(files: SessionFiles) {
    this.#files = files;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Loads what an earlier process has stored. */
  async load(): Promise<void> {
    const sessions = await this.#files.read();
    for (const session of sessions.toSorted((a, b) => a.signedInAt - b.signedInAt)) this.#put(session);
  }

  find(id: string): KeptSession | undefined {
    return this.#sessions.get(id);
  }

  all(): readonly KeptSession[] {
    return [...this.#sessions.values()];
  }

  add(session: KeptSession): void {
    this.#put(session);
    this.#files.write(session);
    const { userId } = session.identity;
    const own = this.all().filter(({ identity }) => identity.userId === userId);
    own.slice(0, Math.max(0, own.length - MAX_PER_USER)).forEach(({ id }) => this.remove(id));
    for (const { id } of this.all()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.remove(id);
    }
  }

  /** Replaces it; nothing if it was removed meanwhile. */
  replace(session: KeptSession): void {
    if (!this.#sessions.has(session.id)) return;
    this.#put(session);
    this.#files.write(session);
  }

  remove(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#bytes -= sizeOf(session);
    this.#files.remove(id);
  }

  /** Settles when the files are up to date. */
  async settled(): Promise<void> {
    await this.#files.settled();
  }

  #put(session: KeptSession): void {
    const before = this.#sessions.get(session.id);
    this.#bytes += sizeOf(session) - (before === undefined ? 0 : sizeOf(before));
    this.#sessions.set(session.id, session);
  }
}

function sizeOf(session: KeptSession): number {
  return JSON.stringify(session).length;
}
