import { createHash } from "node:crypto";
import { Agent, request, type RequestOptions } from "node:http";
import type { LoopbackAddress } from "./config.ts";
import { parseUserInfo, type Identity } from "./identity.ts";
import { prefixOf } from "./request-path.ts";

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
}

/** The same for the same credentials; safe to keep. */
export function credentialsKey(credentials: Credentials): string {
  return createHash("sha256").update(`${credentials.cookie}\n${credentials.authorization}`).digest("base64");
}

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
  /** Enough for the requests of a busy page; others wait their turn. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });
  readonly #asking = new Map<string, Promise<SessionAnswer>>();

  constructor(address: LoopbackAddress, basePath: string) {
    this.#address = address;
    this.#path = `${prefixOf(basePath)}/oauth2/userinfo`;
  }

  /** Requests of one session that come while the question is open share its answer. */
  async ask(credentials: Credentials): Promise<SessionAnswer> {
    const key = credentialsKey(credentials);
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const asked = this.#ask(credentials).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asked);
    return asked;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask({ cookie, authorization }: Credentials): Promise<SessionAnswer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (cookie !== "") headers["Cookie"] = cookie;
    if (authorization !== "") headers["Authorization"] = authorization;
    const patience = new AbortController(); // AbortSignal.timeout would keep what it holds for the whole time
    const timer = setTimeout(() => patience.abort(), TIMEOUT_MS);
    const answer = await this.#userInfo({ headers, agent: this.#agent, signal: patience.signal });
    clearTimeout(timer);
    return answer;
  }

  async #userInfo(options: Pick<RequestOptions, "headers" | "agent" | "signal">): Promise<SessionAnswer> {
    const { promise, resolve } = Promise.withResolvers<SessionAnswer>();
    const asked = request({ ...this.#address, path: this.#path, ...options }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.on("error", (error) => resolve(unreachable(error.message)));
      response.on("end", () => resolve(readAnswer(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"))));
    });
    asked.on("error", (error) => {
      // oauth2-proxy may have been started anew, and the connection be one to the old one
      const isWorthAnother = asked.reusedSocket && options.signal?.aborted === false;
      resolve(isWorthAnother ? this.#userInfo({ ...options, agent: false }) : unreachable(error.message));
    });
    asked.end();
    return promise;
  }
}

function unreachable(problem: string): SessionAnswer {
  return { kind: "Unreachable", problem };
}

/** Only 200 with a user lets in; only 401 and 403 say that the session is over. All else is a fault. */
function readAnswer(status: number, body: string): SessionAnswer {
  if (status === 401 || status === 403) return { kind: "SignedOut" };
  if (status !== 200) return unreachable(`oauth2-proxy answered ${status}`);
  const identity = parseUserInfo(body);
  return identity === undefined ? { kind: "SignedOut" } : { kind: "SignedIn", identity };
}
