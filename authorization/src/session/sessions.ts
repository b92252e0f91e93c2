import type { Identity } from "../identity.ts";
import type { Credentials, SessionAnswer, SessionSource } from "../login-service.ts";
import type { RememberedAnswers } from "../remembered-answers.ts";
import {
  afterRenewal,
  areRenewedAfter,
  mayTryAgain,
  stateOf,
  type KeptSession,
  type Renewal,
  type SessionLimits,
} from "./kept-session.ts";
import type { SessionStore } from "./session-store.ts";
import { newTicket, sessionId, ticketId } from "./ticket.ts";

/** What sessions depend on. */
export type SessionsDeps = {
  readonly store: SessionStore;
  /** Asks the provider, through oauth2-proxy. */
  readonly renew: (session: KeptSession) => Promise<Renewal>;
  /** Whether the provider responds at all now. Never rejects. */
  readonly isProviderAnswering: () => Promise<boolean>;
  /** Identifies the owner of a token. */
  readonly tokens: RememberedAnswers;
  readonly limits: SessionLimits;
  /** Whether sessions of people who signed in at this time (milliseconds since 1970) are over. */
  readonly isRevoked: (signedInAt: number) => boolean;
  /** The wall clock, in milliseconds. */
  readonly now: () => number;
  /** Called for each attempt at a renewal. */
  readonly onRenewal: (renewal: Renewal, session: KeptSession) => void;
  /** Called when a session is over, with its id. */
  readonly onEnd: (id: string) => void;
};

const SIGNED_OUT: SessionAnswer = { kind: "SignedOut" };

/**
 * The sessions of this server. The pod stores them: a browser has a ticket, which is worthless once its session is
 * over. While a session is in use, it is renewed with the provider every few minutes.
 */
export class Sessions implements SessionSource {
  readonly #deps: SessionsDeps;
  readonly #renewing = new Map<string, Promise<void>>();
  #areRenewed: boolean | undefined;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /**
   * Whether the provider renews sessions, also of sessions that are over; undefined while no attempt has shown it. Once
   * it has renewed one, also for an earlier process, it does.
   */
  get areRenewed(): boolean | undefined {
    return this.#deps.store.all().some(({ isRenewable }) => isRenewable) ? true : this.#areRenewed;
  }

  /** Whose credentials they are. */
  async ask(credentials: Credentials): Promise<SessionAnswer> {
    return this.#answer(credentials, (token) => this.#deps.tokens.ask(token));
  }

  /** The same, without the cache of tokens. */
  async confirm(credentials: Credentials): Promise<SessionAnswer> {
    return this.#answer(credentials, (token) => this.#deps.tokens.confirm(token));
  }

  /** Begins a session of somebody who has just signed in. @returns The ticket. */
  begin(cookie: string, identity: Identity): string {
    const ticket = newTicket();
    const now = this.#deps.now();
    const times = { signedInAt: now, confirmedAt: now, triedAt: now, failingSince: 0 };
    this.#deps.store.add({ id: ticketId(ticket), cookie, identity, isRenewable: false, ...times });
    return ticket;
  }

  /**
   * Ends the session of a cookie permanently, also for copies of it, and even if this process ends now.
   *
   * @returns What it was.
   */
  async end({ cookie }: Pick<Credentials, "cookie">): Promise<KeptSession | undefined> {
    const id = sessionId(cookie) ?? "";
    const session = this.#deps.store.find(id);
    if (session !== undefined) this.#end(id);
    await this.#deps.store.settled();
    return session;
  }

  /** Removes expired sessions. To be called now and then. */
  flush(): void {
    const { store, tokens } = this.#deps;
    tokens.flush();
    for (const session of store.all()) if (this.#stateOf(session) === "Over") this.#end(session.id);
  }

  async #answer(
    { cookie, authorization }: Credentials,
    askToken: (token: Credentials) => Promise<SessionAnswer>,
  ): Promise<SessionAnswer> {
    const ofToken = authorization === "" ? undefined : await askToken({ cookie: "", authorization });
    return ofToken?.kind === "SignedIn" || (ofToken !== undefined && cookie === "") ? ofToken : this.#session(cookie);
  }

  async #session(cookie: string): Promise<SessionAnswer> {
    const id = sessionId(cookie) ?? "";
    const session = this.#deps.store.find(id);
    if (session === undefined) return SIGNED_OUT;
    const state = this.#stateOf(session);
    if (state === "Over") this.#end(id);
    if (state === "Due") void this.#renew(session);
    if (state === "Overdue") await this.#renew(session);
    const now = this.#deps.store.find(id);
    return now === undefined ? SIGNED_OUT : { kind: "SignedIn", identity: now.identity };
  }

  #stateOf(session: KeptSession): ReturnType<typeof stateOf> {
    const { limits, isRevoked, now } = this.#deps;
    return isRevoked(session.signedInAt) ? "Over" : stateOf(session, limits, now());
  }

  /** One attempt at a time: a refresh token may be worth something once only. */
  async #renew(session: KeptSession): Promise<void> {
    const { limits, now } = this.#deps;
    const { id } = session;
    const running = this.#renewing.get(id);
    if (running !== undefined || !mayTryAgain(session, limits, now())) return running;
    const attempt = this.#tryToRenew(session).finally(() => this.#renewing.delete(id));
    this.#renewing.set(id, attempt);
    return attempt;
  }

  async #tryToRenew(session: KeptSession): Promise<void> {
    const { store, renew, limits, now, onRenewal } = this.#deps;
    const renewal = await renew(session);
    onRenewal(renewal, session);
    void this.#learn(areRenewedAfter(session, renewal));
    const after = afterRenewal(session, renewal, limits, now());
    if (after === undefined) this.#end(session.id);
    else store.replace(after);
  }

  /** A provider that does not respond renews nothing at the moment, which proves nothing. */
  async #learn(told: boolean | undefined): Promise<void> {
    if (told === true) this.#areRenewed = true;
    if (told !== false || this.areRenewed !== undefined) return;
    if (await this.#deps.isProviderAnswering()) this.#areRenewed ??= false;
  }

  #end(id: string): void {
    this.#deps.store.remove(id);
    this.#deps.onEnd(id);
  }
}
