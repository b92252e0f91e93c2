import { createHash } from "node:crypto";
import type { TokenRefusal } from "./bearer/scheme.ts";
import type { LoopbackAddress } from "./config.ts";
import { parseUserInfo, type Identity } from "./identity.ts";
import { LoginLane, type LoginAnswer } from "./login-client.ts";
import { loginPath } from "./request-path.ts";

/** The credentials of a request, as oauth2-proxy reads them. */
export type Credentials = {
  /** The session's own cookies only. */
  readonly cookie: string;
  readonly authorization: string;
};

/** Whose credentials they are. `Unreachable` says nothing about them. */
export type SessionAnswer =
  | {
      readonly kind: "SignedIn";
      readonly identity: Identity;
      /** Set for a token, not for a session; in milliseconds since 1970. */
      readonly tokenExpiresAt?: number;
    }
  | { readonly kind: "SignedOut" }
  | { readonly kind: "TokenRefused"; readonly reason: TokenRefusal }
  | { readonly kind: "Unreachable"; readonly problem: string };

/** Identifies the owner of a session. */
export interface SessionSource {
  /** Never rejects. */
  ask(credentials: Credentials): Promise<SessionAnswer>;
}

/** The same for the same credentials; safe to store. */
export function credentialsKey(credentials: Credentials): string {
  return createHash("sha256").update(`${credentials.cookie}\n${credentials.authorization}`).digest("base64");
}

/** oauth2-proxy responds from the cookie alone, within milliseconds. */
const TIMEOUT_MS = 5_000;
/** Enough for the requests of a busy page. */
const KNOWN = { asking: 8, waiting: 256, timeoutMs: TIMEOUT_MS } as const;
/** Made-up sessions, however many, delay only other unknown ones. */
const UNKNOWN = { asking: 8, waiting: 64, timeoutMs: TIMEOUT_MS } as const;
/** Sessions that were valid when last checked. */
const MAX_KNOWN = 1_000;

/**
 * Asks oauth2-proxy, over loopback, for the owner of a session.
 *
 * Its `userinfo` gives groups as a list. The `X-Auth-Request-Groups` header is unsuitable: it joins them by commas, and
 * a group may have a comma in its name.
 */
export class LoginService implements SessionSource {
  readonly #path: string;
  readonly #lanes: { readonly known: LoginLane; readonly unknown: LoginLane };
  readonly #known = new Set<string>();
  readonly #asking = new Map<string, Promise<SessionAnswer>>();

  constructor(address: LoopbackAddress, basePath: string) {
    this.#path = loginPath(basePath, "userinfo");
    this.#lanes = { known: new LoginLane(address, KNOWN), unknown: new LoginLane(address, UNKNOWN) };
  }

  /** Asks now. Requests of one session that come while the question is open share its answer. */
  async ask(credentials: Credentials): Promise<SessionAnswer> {
    const key = credentialsKey(credentials);
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const asked = this.#ask(key, credentials).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asked);
    return asked;
  }

  close(): void {
    this.#lanes.known.close();
    this.#lanes.unknown.close();
  }

  async #ask(key: string, { cookie, authorization }: Credentials): Promise<SessionAnswer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (cookie !== "") headers["Cookie"] = cookie;
    if (authorization !== "") headers["Authorization"] = authorization;
    const lane = this.#known.has(key) ? this.#lanes.known : this.#lanes.unknown;
    const answer = readAnswer(await lane.get(this.#path, headers));
    this.#note(key, answer);
    return answer;
  }

  #note(key: string, { kind }: SessionAnswer): void {
    if (kind === "Unreachable") return;
    this.#known.delete(key);
    if (kind === "SignedIn") this.#known.add(key);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** Only 200 with a user counts as valid; only 401 and 403 mean that the session is over. Anything else is a failure. */
function readAnswer(answer: LoginAnswer): SessionAnswer {
  if (answer.kind === "Unreachable") return answer;
  const { status, body } = answer;
  if (status === 401 || status === 403) return { kind: "SignedOut" };
  if (status !== 200) return { kind: "Unreachable", problem: `oauth2-proxy responded with ${status}` };
  const identity = parseUserInfo(body);
  return identity === undefined ? { kind: "SignedOut" } : { kind: "SignedIn", identity };
}
