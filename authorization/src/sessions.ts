import { createHash } from "node:crypto";
import { credentialsKey, type Credentials, type SessionAnswer, type SessionSource } from "./login-service.ts";

/** How long an answer about a session holds. Sign-out, and what the session itself says, end it earlier. */
const REMEMBERED_MS = 3_000;
/** Bounds the memory. A server has few users, each with a session or two. */
const MAX_REMEMBERED = 1_000;
/** Of the sessions that were signed out and whose cookies would still be valid; about 1 MiB. */
const MAX_ENDED = 10_000;

type Remembered = {
  readonly answer: SessionAnswer & { readonly kind: "SignedIn" };
  readonly since: number;
  readonly until: number;
};

/**
 * What is known of sessions: whose they are, for some seconds, and which of them are over although their cookies are not.
 *
 * Only a yes is remembered, and of it the identity alone: whether that person may enter is decided for each request.
 */
export class Sessions implements SessionSource {
  readonly #source: SessionSource;
  readonly #lifeMs: number;
  readonly #now: () => number;
  readonly #remembered = new Map<string, Remembered>();
  /** By session, the time at which its cookies are worth nothing by themselves. */
  readonly #ended = new Map<string, number>();

  /**
   * @param lifeMs How long oauth2-proxy accepts a session; 0 is for ever.
   * @param now The wall clock, in milliseconds.
   */
  constructor(source: SessionSource, lifeMs: number, now: () => number) {
    this.#source = source;
    this.#lifeMs = lifeMs;
    this.#now = now;
  }

  /** Whose session it is, as of some seconds ago at most. */
  async ask(credentials: Credentials): Promise<SessionAnswer> {
    if (this.#isEnded(credentials)) return { kind: "SignedOut" };
    const remembered = this.#remembered.get(credentialsKey(credentials));
    return remembered !== undefined && holds(remembered, this.#now()) ? remembered.answer : this.confirm(credentials);
  }

  /** The same as of now. */
  async confirm(credentials: Credentials): Promise<SessionAnswer> {
    if (this.#isEnded(credentials)) return { kind: "SignedOut" };
    const askedAt = this.#now();
    const answer = await this.#source.ask(credentials);
    if (this.#isEnded(credentials)) return { kind: "SignedOut" }; // signed out while we asked
    this.#remember(credentials, answer, askedAt);
    return answer;
  }

  /** Ends a session: whoever has a copy of its cookies has nothing. */
  end({ cookie }: Credentials): void {
    const id = sessionId(cookie);
    if (id === undefined) return;
    this.#ended.set(id, this.#lifeMs === 0 ? Infinity : this.#now() + this.#lifeMs);
    this.#remembered.clear();
    forgetOldest(this.#ended, MAX_ENDED);
  }

  /** Forgets what is of no use any more. To be called now and then. */
  flush(): void {
    const now = this.#now();
    for (const [id, until] of this.#ended) if (until <= now) this.#ended.delete(id);
    for (const [key, remembered] of this.#remembered) if (!holds(remembered, now)) this.#remembered.delete(key);
  }

  #isEnded({ cookie }: Credentials): boolean {
    const id = this.#ended.size === 0 ? undefined : sessionId(cookie);
    return id !== undefined && (this.#ended.get(id) ?? 0) > this.#now();
  }

  #remember(credentials: Credentials, answer: SessionAnswer, askedAt: number): void {
    const key = credentialsKey(credentials);
    this.#remembered.delete(key);
    if (answer.kind !== "SignedIn") return;
    const until = Math.min(askedAt + REMEMBERED_MS, expiryOf(credentials, this.#lifeMs));
    this.#remembered.set(key, { answer, since: askedAt, until });
    forgetOldest(this.#remembered, MAX_REMEMBERED);
  }
}

/** A clock that is set back makes nothing hold longer. */
function holds({ since, until }: Remembered, now: number): boolean {
  return since <= now && now < until;
}

/**
 * Names the session of a cookie, the same in whatever way the cookie is written: oauth2-proxy signs the part before the
 * first bar, and reads its signature leniently.
 */
export function sessionId(cookie: string): string | undefined {
  if (cookie === "") return undefined;
  const [payload = ""] = valueOf(cookie).split("|", 1);
  return createHash("sha256").update(payload).digest("base64");
}

/**
 * When credentials are over at the latest, in milliseconds since 1970: the cookie by the time that is written in it, a
 * token by its claim `exp`. Neither is checked here; who forges them has no session that could be remembered.
 */
export function expiryOf({ cookie, authorization }: Credentials, lifeMs: number): number {
  const ofCookie = cookie === "" || lifeMs === 0 ? Infinity : Number(valueOf(cookie).split("|")[1]) * 1000 + lifeMs;
  const ofToken = authorization === "" ? Infinity : tokenExpiry(authorization);
  const expiry = Math.min(ofCookie, ofToken);
  return Number.isNaN(expiry) ? 0 : expiry;
}

/** The value of a session's cookie, of its parts put together. */
function valueOf(cookie: string): string {
  return cookie
    .split("; ")
    .map((pair) => pair.slice(pair.indexOf("=") + 1))
    .join("");
}

function tokenExpiry(authorization: string): number {
  const [, payload = ""] = /^Bearer +[\w-]+\.([\w-]+)\./i.exec(authorization) ?? [];
  try {
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as { readonly exp?: unknown };
    return typeof claims.exp === "number" ? claims.exp * 1000 : 0;
  } catch {
    return 0;
  }
}

function forgetOldest(map: Map<string, unknown>, atMost: number): void {
  const [oldest] = map.keys();
  if (map.size > atMost && oldest !== undefined) map.delete(oldest);
}
