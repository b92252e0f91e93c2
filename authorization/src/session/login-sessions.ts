import { parseUserInfo, type Identity } from "../identity.ts";
import type { LoginAnswer, LoginLane } from "../login-client.ts";
import type { Provider } from "../provider.ts";
import { loginPath } from "../request-path.ts";
import { areComplete, claimsOf, emailOf, withUserInfo, type Email, type EmailSettings } from "./email.ts";
import type { KeptSession, Renewal } from "./kept-session.ts";

/** oauth2-proxy's result for one of its sessions. */
export type Reading =
  | {
      readonly kind: "Valid";
      readonly cookie: string;
      readonly identity: Identity;
      readonly isRenewed: boolean;
      readonly isEmailKnown: boolean;
    }
  | { readonly kind: "Refused" }
  | Extract<Renewal, { kind: "Failed" }>;

export type LoginSessionsDeps = {
  readonly lane: LoginLane;
  readonly provider: Pick<Provider, "userInfo">;
  readonly config: { readonly basePath: string; readonly cookieName: string; readonly email: EmailSettings };
};

type Answered = LoginAnswer & { readonly kind: "Answered" };

/**
 * Reads the sessions that oauth2-proxy keeps in cookies. For each request with one that is older than a second, it
 * renews it with the provider (`--cookie-refresh`).
 */
export class LoginSessions {
  readonly #deps: LoginSessionsDeps;

  constructor(deps: LoginSessionsDeps) {
    this.#deps = deps;
  }

  /** @param cookie A `Cookie` header value that oauth2-proxy has made. Never rejects. */
  async read(cookie: string): Promise<Reading> {
    const { cookieName } = this.#deps.config;
    const answer = await this.#ask("userinfo", cookie);
    if (answer.kind === "Unreachable") return failed(answer.problem);
    const { status, body } = answer;
    const setCookies = setCookiesOf(answer);
    if (status !== 200 && isRefusal(setCookies)) return { kind: "Refused" };
    if (status !== 200) return { ...failed(`oauth2-proxy responded with ${status}`), isAnswered: status === 401 };
    const who = parseUserInfo(body);
    if (who === undefined) return failed("oauth2-proxy named no user");
    const renewed = loginSessionOf(setCookies, cookieName);
    const { cookie: latest, email } = await this.#readEmail(renewed ?? cookie);
    const identity = { ...who, email: "", ...email };
    return {
      kind: "Valid",
      cookie: latest,
      identity,
      isRenewed: renewed !== undefined,
      isEmailKnown: email !== undefined,
    };
  }

  /** Renews a session with the provider. An address that cannot be read at the moment is kept. Never rejects. */
  async renew(session: Pick<KeptSession, "cookie" | "identity">): Promise<Renewal> {
    const reading = await this.read(session.cookie);
    if (reading.kind !== "Valid") return reading;
    if (!reading.isRenewed) {
      return { ...failed("the provider issued no refresh token, or does not respond"), isAnswered: true };
    }
    const { email, unverifiedEmail } = session.identity;
    const before = { email, ...(unverifiedEmail === undefined ? {} : { unverifiedEmail }) };
    const identity = reading.isEmailKnown ? reading.identity : { ...reading.identity, ...before };
    return { kind: "Renewed", cookie: reading.cookie, identity };
  }

  /** The provider's ID token of a session; empty if it cannot be had. Never rejects. */
  async idToken(cookie: string): Promise<string> {
    const answer = await this.#ask("auth", cookie);
    return answer.kind === "Answered" && answer.status === 202 ? idTokenIn(answer) : "";
  }

  /**
   * The address, from the ID token or else from the provider's UserInfo. oauth2-proxy reports only the configured claims
   * of them, and not whether an address is verified.
   */
  async #readEmail(cookie: string): Promise<{ readonly cookie: string; readonly email: Email | undefined }> {
    const { config, provider } = this.#deps;
    const answer = await this.#ask("auth", cookie);
    if (answer.kind === "Unreachable" || answer.status !== 202) return { cookie, email: undefined };
    const latest = loginSessionOf(setCookiesOf(answer), config.cookieName) ?? cookie;
    const claims = claimsOf(idTokenIn(answer));
    if (areComplete(claims, config.email)) return { cookie: latest, email: emailOf(claims, config.email) };
    const more = await provider.userInfo(headerOf(answer, "x-auth-request-access-token"));
    const isSame = more !== undefined && more["sub"] === claims["sub"];
    return { cookie: latest, email: emailOf(isSame ? withUserInfo(claims, more) : claims, config.email) };
  }

  async #ask(page: string, cookie: string): Promise<LoginAnswer> {
    const { lane, config } = this.#deps;
    return lane.get(loginPath(config.basePath, page), { Accept: "application/json", Cookie: cookie });
  }
}

function setCookiesOf({ headers }: Answered): readonly string[] {
  return headers["set-cookie"] ?? [];
}

/** Names and values, without the attributes. */
function pairsIn(setCookies: readonly string[]): readonly string[] {
  return setCookies.map((line) => line.split(";", 1)[0] ?? "");
}

function idTokenIn(answer: Answered): string {
  return headerOf(answer, "authorization").replace(/^Bearer /, "");
}

function headerOf({ headers }: Answered, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

/** The session among the cookies that oauth2-proxy sets: one, or its parts if it is long. */
export function loginSessionOf(setCookies: readonly string[], cookieName: string): string | undefined {
  const pairs = pairsIn(setCookies).filter((pair) => isPart(pair, cookieName));
  return pairs.length === 0 ? undefined : pairs.join("; ");
}

function isPart(pair: string, cookieName: string): boolean {
  const [name = "", value = ""] = pair.split("=", 2);
  return value !== "" && name.startsWith(cookieName) && /^(_\d+)?$/.test(name.slice(cookieName.length));
}

/**
 * Whether the provider has refused the refresh token (`invalid_grant`). oauth2-proxy returns 401 then, and whenever it
 * cannot renew a session whose access token is over; but it removes a session's cookie twice if the provider refused,
 * for the refusal and for the session that is not valid, and once if it is not valid alone.
 */
function isRefusal(setCookies: readonly string[]): boolean {
  const removed = pairsIn(setCookies).filter((pair) => pair.endsWith("="));
  return new Set(removed).size < removed.length;
}

function failed(problem: string): Extract<Renewal, { kind: "Failed" }> {
  return { kind: "Failed", problem, isAnswered: false };
}
