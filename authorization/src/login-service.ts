import { createHash } from "node:crypto";
import { Agent, request } from "node:http";
import type { LoopbackAddress } from "./config.ts";
import { parseUserInfo, type Identity } from "./identity.ts";

/** What a request proves itself with, as oauth2-proxy reads it. */
export type Credentials = {
  /** oauth2-proxy's own cookies only. */
  readonly cookie: string;
  readonly authorization: string;
};

/** What oauth2-proxy says about credentials. `Unreachable` is no verdict on the session. */
export type SessionAnswer =
  | { readonly kind: "SignedIn"; readonly identity: Identity }
  | { readonly kind: "SignedOut" }
  | { readonly kind: "Unreachable"; readonly problem: string };

/** Says whose session it is. */
export interface SessionSource {
  /** Asks now. Never rejects. */
  ask(credentials: Credentials): Promise<SessionAnswer>;
  /** As `ask`, but a known identity is used again for `IDENTITY_LIFE_MS`; whether the session still lives is not asked. */
  identify(credentials: Credentials): Promise<SessionAnswer>;
}

/** The same for the same credentials; safe to keep. */
export function credentialsKey(credentials: Credentials): string {
  return createHash("sha256").update(`${credentials.cookie}\n${credentials.authorization}`).digest("base64");
}

/** The identity of a session does not change; this bounds how long one is kept that nobody uses any more. */
export const IDENTITY_LIFE_MS = 60_000;
/** A person has one session per browser; beyond this the oldest is forgotten and asked again. */
const MAX_IDENTITIES = 1_000;
/** oauth2-proxy answers from the cookie alone, within milliseconds. */
const TIMEOUT_MS = 5_000;
/** Room for a session with some thousand groups. */
const MAX_ANSWER_BYTES = 512 * 1024;

/**
 * Asks oauth2-proxy, over loopback, whom a session belongs to.
 *
 * Its `userinfo` gives groups as a list. The `X-Auth-Request-Groups` header would not do: it joins them by commas, and
 * a group may have a comma in its name.
 */
export class LoginService implements SessionSource {
  readonly #address: LoopbackAddress;
  readonly #path: string;
  readonly #now: () => number;
  /** No keep-alive: questions are rare, and a connection that oauth2-proxy has just closed would look like a fault. */
  readonly #agent = new Agent({ keepAlive: false, maxSockets: 16 });
  readonly #known = new Map<string, { readonly answer: SessionAnswer; readonly until: number }>();
  readonly #asking = new Map<string, Promise<SessionAnswer>>();

  constructor(address: LoopbackAddress, basePath: string, now: () => number) {
    this.#address = address;
    this.#path = `${basePath === "/" ? "" : basePath}/oauth2/userinfo`;
    this.#now = now;
  }

  async identify(credentials: Credentials): Promise<SessionAnswer> {
    const known = this.#known.get(credentialsKey(credentials));
    return known !== undefined && this.#now() < known.until ? known.answer : this.ask(credentials);
  }

  async ask(credentials: Credentials): Promise<SessionAnswer> {
    const key = credentialsKey(credentials);
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const asked = this.#userInfo(credentials).then((answer) => {
      this.#asking.delete(key);
      this.#remember(key, answer);
      return answer;
    });
    this.#asking.set(key, asked);
    return asked;
  }

  close(): void {
    this.#agent.destroy();
  }

  #remember(key: string, answer: SessionAnswer): void {
    this.#known.delete(key);
    if (answer.kind !== "SignedIn") return;
    this.#known.set(key, { answer, until: this.#now() + IDENTITY_LIFE_MS });
    const oldest = this.#known.size > MAX_IDENTITIES ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  async #userInfo({ cookie, authorization }: Credentials): Promise<SessionAnswer> {
    const { promise, resolve } = Promise.withResolvers<SessionAnswer>();
    const unreachable = (problem: string): void => resolve({ kind: "Unreachable", problem });
    const headers: Record<string, string> = { Accept: "application/json" };
    if (cookie !== "") headers["Cookie"] = cookie;
    if (authorization !== "") headers["Authorization"] = authorization;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const asked = request({ ...this.#address, path: this.#path, agent: this.#agent, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.on("error", (error) => unreachable(error.message));
      response.on("end", () => resolve(readAnswer(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"))));
    });
    asked.on("error", (error) => unreachable(error.message));
    asked.end();
    return promise;
  }
}

/** Only 200 with a user lets in; only 401 and 403 say that the session is over. All else is a fault. */
function readAnswer(status: number, body: string): SessionAnswer {
  if (status === 401 || status === 403) return { kind: "SignedOut" };
  if (status !== 200) return { kind: "Unreachable", problem: `oauth2-proxy answered ${status}` };
  const identity = parseUserInfo(body);
  return identity === undefined ? { kind: "SignedOut" } : { kind: "SignedIn", identity };
}
