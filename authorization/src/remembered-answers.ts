import { credentialsKey, type Credentials, type SessionAnswer, type SessionSource } from "./login-service.ts";
import { claimsOf } from "./session/email.ts";

/** How long a result about a token is cached. The token's own expiry ends it earlier. */
const REMEMBERED_MS = 3_000;
/** Limits the memory. A server has few users, each with a token or two. */
const MAX_REMEMBERED = 1_000;

type Remembered = {
  readonly answer: SessionAnswer & { readonly kind: "SignedIn" };
  readonly since: number;
  readonly until: number;
};

/**
 * The owner of a token, cached for some seconds. Only valid ones are cached, and only the identity: whether that
 * person is authorized is decided for each request.
 */
export class RememberedAnswers implements SessionSource {
  readonly #source: SessionSource;
  readonly #now: () => number;
  readonly #remembered = new Map<string, Remembered>();

  /** @param now The wall clock, in milliseconds. */
  constructor(source: SessionSource, now: () => number) {
    this.#source = source;
    this.#now = now;
  }

  /** Whose it is, as of some seconds ago at most. */
  async ask(credentials: Credentials): Promise<SessionAnswer> {
    const remembered = this.#remembered.get(credentialsKey(credentials));
    return remembered !== undefined && holds(remembered, this.#now()) ? remembered.answer : this.confirm(credentials);
  }

  /** The same as of now. */
  async confirm(credentials: Credentials): Promise<SessionAnswer> {
    const askedAt = this.#now();
    const answer = await this.#source.ask(credentials);
    this.#remember(credentials, answer, askedAt);
    return answer;
  }

  /** Drops expired entries. To be called now and then. */
  flush(): void {
    const now = this.#now();
    for (const [key, remembered] of this.#remembered) if (!holds(remembered, now)) this.#remembered.delete(key);
  }

  #remember(credentials: Credentials, answer: SessionAnswer, askedAt: number): void {
    const key = credentialsKey(credentials);
    this.#remembered.delete(key);
    if (answer.kind !== "SignedIn") return;
    const until = Math.min(askedAt + REMEMBERED_MS, tokenExpiry(credentials.authorization));
    this.#remembered.set(key, { answer, since: askedAt, until });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }
}

/** Setting the clock back extends nothing. */
function holds({ since, until }: Remembered, now: number): boolean {
  return since <= now && now < until;
}

/**
 * When a token is over, in milliseconds since 1970, by its claim `exp`. It is not verified here; for a forged one
 * there is no result to cache.
 */
export function tokenExpiry(authorization: string): number {
  const [, token = ""] = /^Bearer +([\w-]+\.[\w-]+)\./i.exec(authorization) ?? [];
  const { exp } = claimsOf(token);
  return typeof exp === "number" ? exp * 1000 : 0;
}
