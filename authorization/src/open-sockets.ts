import type { Identity } from "./identity.ts";
import { credentialsKey, type Credentials, type SessionSource } from "./login-service.ts";
import { refusalOf, type Policy } from "./policy.ts";
import { sessionId } from "./session/ticket.ts";

/** Why a WebSocket ended. */
export type CloseReason =
  "Closed" | "AccessRevoked" | "SignedOut" | "SessionEnded" | "SessionUnconfirmed" | "LifeExceeded" | "Stopping";

/** A WebSocket that passes through the service, from the moment it was let in. */
export type OpenSocket = {
  readonly identity: Identity;
  readonly credentials: Credentials;
  /** When it is over at the latest, in milliseconds since 1970. */
  readonly endsAt?: number;
  /** Ends both sides at once. May be called more than once. */
  readonly cut: (reason: CloseReason) => void;
  /** Bytes so far: from and to the browser. */
  readonly bytes: () => Bytes;
};

export type Bytes = { readonly received: number; readonly sent: number };

export type SocketLimits = { readonly graceMs: number; readonly lifeMs: number };

type Entry = OpenSocket & { readonly openedAt: number; confirmedAt: number };

/** All open WebSockets, so that they can be cut when their owner loses access. */
export class OpenSockets {
  readonly #entries = new Set<Entry>();
  readonly #limits: SocketLimits;
  readonly #now: () => number;
  readonly #checking = new Set<string>();
  #closedBytes: Bytes = { received: 0, sent: 0 };

  constructor(limits: SocketLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns To be called once when the socket has ended. */
  add(socket: OpenSocket): () => void {
    const now = this.#now();
    const entry = { ...socket, openedAt: now, confirmedAt: now };
    this.#entries.add(entry);
    const timer = socket.endsAt === undefined ? undefined : this.#cutAt(socket, socket.endsAt);
    return () => {
      clearTimeout(timer);
      if (this.#entries.delete(entry)) this.#closedBytes = plus(this.#closedBytes, entry.bytes());
    };
  }

  /** Bytes of all sockets since the start. */
  bytes(): Bytes {
    return [...this.#entries].reduce((sum, entry) => plus(sum, entry.bytes()), this.#closedBytes);
  }

  /** Cuts the sockets of those whom the policy keeps out. */
  applyPolicy(policy: Policy): void {
    for (const entry of this.#entries) {
      if (refusalOf(policy, entry.identity) !== undefined) entry.cut("AccessRevoked");
    }
  }

  /** Cuts the sockets of one session. @param id Of `sessionId`. */
  cutSession(id: string | undefined, reason: CloseReason): void {
    for (const entry of this.#entries) if (sessionId(entry.credentials.cookie) === id) entry.cut(reason);
  }

  cutAll(reason: CloseReason): void {
    for (const entry of this.#entries) entry.cut(reason);
  }

  /**
   * Cuts what has lived too long, and asks about each session once, however many sockets it has. A session that nobody
   * can confirm for longer than the grace is treated as over.
   *
   * @param onAnswer Called for each session asked about.
   */
  async check(sessions: SessionSource, onAnswer: (kind: string) => void): Promise<void> {
    const now = this.#now();
    for (const entry of this.#entries) if (now - entry.openedAt >= this.#limits.lifeMs) entry.cut("LifeExceeded");
    const bySession = Map.groupBy(this.#entries, ({ credentials }) => credentialsKey(credentials));
    await Promise.all([...bySession].map(([key, entries]) => this.#checkSession(key, entries, sessions, onAnswer)));
  }

  /** To the moment. An end that is further away than the longest life is left to that. */
  #cutAt(socket: OpenSocket, endsAt: number): NodeJS.Timeout | undefined {
    const left = endsAt - this.#now();
    return left > this.#limits.lifeMs ? undefined : setTimeout(() => socket.cut("SessionEnded"), left);
  }

  async #checkSession(
    key: string,
    entries: readonly Entry[],
    sessions: SessionSource,
    onAnswer: (kind: string) => void,
  ): Promise<void> {
    const [first] = entries;
    if (first === undefined || this.#checking.has(key)) return; // the last question is still open
    this.#checking.add(key);
    const answer = await sessions.ask(first.credentials);
    this.#checking.delete(key);
    onAnswer(answer.kind);
    const now = this.#now();
    for (const entry of entries) {
      if (answer.kind === "SignedIn" && answer.identity.userId === entry.identity.userId) entry.confirmedAt = now;
      else if (answer.kind !== "Unreachable") entry.cut("SessionEnded");
      else if (now - entry.confirmedAt > this.#limits.graceMs) entry.cut("SessionUnconfirmed");
    }
  }
}

function plus(a: Bytes, b: Bytes): Bytes {
  return { received: a.received + b.received, sent: a.sent + b.sent };
}
