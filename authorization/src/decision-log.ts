import { createHash } from "node:crypto";
import type { Decision } from "./access.ts";
import type { Identity } from "./identity.ts";
import type { Log } from "./log.ts";
import type { RequestFacts } from "./request-facts.ts";

/** Repeats of one decision within this time are counted, not written: an open tab sends several requests a second. */
export const REPEAT_WINDOW_MS = 60_000;
/** Limits the memory; a server has few users, so more means that somebody is probing. */
const MAX_DECISIONS = 1_000;

type Seen = { readonly fields: Readonly<Record<string, string | undefined>>; readonly since: number; repeats: number };

/** Writes each decision once, and once a minute how often it was repeated. */
export class DecisionLog {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #seen = new Map<string, Seen>();

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  record(facts: RequestFacts | undefined, decision: Decision): void {
    const fields = {
      decision: decision.kind,
      reason: decision.kind === "Refuse" ? decision.reason : undefined,
      request: facts?.kind,
      user: decision.identity === undefined ? undefined : loggedUser(decision.identity),
    };
    this.#log.debug("request decided", {
      ...fields,
      method: facts?.method,
      path: facts?.target.split("?", 1)[0],
      email: decision.identity?.email,
    });
    const key = JSON.stringify(fields);
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.repeats += 1;
      return;
    }
    if (this.#seen.size >= MAX_DECISIONS) this.#forget(() => true);
    this.#seen.set(key, { fields, since: this.#now(), repeats: 0 });
    this.#log.info("access decided", fields);
  }

  /** Reports and forgets what is older than the window. To be called about as often. */
  flush(): void {
    const before = this.#now() - REPEAT_WINDOW_MS;
    this.#forget(({ since }) => since <= before);
  }

  #forget(chosen: (seen: Seen) => boolean): void {
    for (const [key, seen] of this.#seen) {
      if (!chosen(seen)) continue;
      this.#seen.delete(key);
      if (seen.repeats > 0) this.#log.info("access decision repeated", { ...seen.fields, repeats: seen.repeats });
    }
  }
}

/** The user id as it may be written at info: some providers use the e-mail address as one, which then becomes a hash. */
export function loggedUser({ userId }: Identity): string {
  if (!userId.includes("@")) return userId;
  return `sha256:${createHash("sha256").update(userId).digest("hex").slice(0, 16)}`;
}
