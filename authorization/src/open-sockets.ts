import type { Identity } from "./identity.ts";
import { credentialsKey, type Credentials, type SessionAnswer, type SessionSource } from "./login-service.ts";
import { refusalOf, type Policy } from "./policy.ts";
import { sessionId } from "./session/ticket.ts";

/** Why a WebSocket ended. */
export type CloseReason =
  "Closed" | "AccessRevoked" | "SignedOut" | "SessionEnded" | "SessionUnconfirmed" | "LifeExceeded" | "Stopping";

/** An authorized WebSocket that passes through the service. */
export type OpenSocket = {
  readonly identity: Identity;
  readonly credentials: Credentials;
  /** When it ends at the latest, in milliseconds since 1970. */
  readonly endsAt?: number | undefined;
  /** Ends both sides at once. May be called more than once. */
  readonly cut: (reason: CloseReason) => void;
  /** Bytes so far: from and to the browser. */
  readonly bytes: () => Bytes;
};

export type Bytes = { readonly received: number; readonly sent: number };

export type SocketLimits = { readonly graceMs: number; readonly lifeMs: number };

/** The identity is the latest that was confirmed: a renewal may give other groups, or another address. */
type Entry = OpenSocket & { identity: Identity; readonly openedAt: number; confirmedAt: number };

/** All open WebSockets, so that they can be closed when their owner loses access. */
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
    const entry: Entry = { ...socket, openedAt: now, confirmedAt: now };
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

  /** Closes the sockets of those whom the policy does not authorize. */
  applyPolicy(policy: Policy): void {
    for (const entry of this.#entries) {
      if (refusalOf(policy, entry.identity) !== undefined) entry.cut("AccessRevoked");
    }
  }

  /** Closes the sockets of one session, and none that a token has opened. @param id Of `sessionId`. */
  cutSession(id: string, reason: CloseReason): void {
    for (const entry of this.#entries) if (sessionId(entry.credentials.cookie) === id) entry.cut(reason);
  }

  cutAll(reason: CloseReason): void {
    for (const entry of this.#entries) entry.cut(reason);
  }

  /**
   * Closes what has exceeded its lifetime, and checks each session once, however many sockets it has. A session that
   * cannot be confirmed for longer than the grace is treated as over. If an identity has changed, it is authorized again.
   *
   * @param policy The one in force when the result arrives.
   * @param onAnswer Called for each session checked.
   */
  async check(sessions: SessionSource, policy: () => Policy, onAnswer: (kind: string) => void): Promise<void> {
    const now = this.#now();
    for (const entry of this.#entries) if (now - entry.openedAt >= this.#limits.lifeMs) entry.cut("LifeExceeded");
    const bySession = Map.groupBy(this.#entries, ({ credentials }) => credentialsKey(credentials));
    await Promise.all(
      [...bySession].map(async ([key, entries]) => {
        const answer = await this.#ask(key, entries, sessions);
        if (answer === undefined) return;
        onAnswer(answer.kind);
        for (const entry of entries) this.#apply(answer, entry, policy());
      }),
    );
  }

  /** Exactly at its end. An end beyond the maximum lifetime is left to that. */
  #cutAt(socket: OpenSocket, endsAt: number): NodeJS.Timeout | undefined {
    const left = endsAt - this.#now();
    return left > this.#limits.lifeMs ? undefined : setTimeout(() => socket.cut("SessionEnded"), left);
  }

  /** @returns Undefined while the last check is still pending. */
  async #ask(key: string, [first]: readonly Entry[], sessions: SessionSource): Promise<SessionAnswer | undefined> {
    if (first === undefined || this.#checking.has(key)) return undefined;
    this.#checking.add(key);
    const answer = await sessions.ask(first.credentials);
    this.#checking.delete(key);
    return answer;
  }

  #apply(answer: SessionAnswer, entry: Entry, policy: Policy): void {
    const now = this.#now();
    if (answer.kind === "SignedIn" && answer.identity.userId === entry.identity.userId) {
      entry.confirmedAt = now;
      entry.identity = answer.identity;
      if (refusalOf(policy, entry.identity) !== undefined) entry.cut("AccessRevoked");
    } else if (answer.kind !== "Unreachable") entry.cut("SessionEnded");
    else if (now - entry.confirmedAt > this.#limits.graceMs) entry.cut("SessionUnconfirmed");
  }
}

function plus(a: Bytes, b: Bytes): Bytes {
  return { received: a.received + b.received, sent: a.sent + b.sent };
}
