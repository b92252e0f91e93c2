import { parseUserInfo, type Identity } from "../identity.ts";
import type { LoginLane } from "../login-client.ts";
import { loginPath } from "../request-path.ts";
import type { Renewal } from "./kept-session.ts";

/** What oauth2-proxy says about a session of its own. */
export type Reading =
  | { readonly kind: "Valid"; readonly cookie: string; readonly identity: Identity; readonly isRenewed: boolean }
  | { readonly kind: "Refused" }
  | { readonly kind: "Failed"; readonly problem: string };

type Config = { readonly basePath: string; readonly cookieName: string };

/**
 * Reads the sessions that oauth2-proxy keeps in cookies. Whenever it is asked about one that is older than a second, it
 * renews it with the provider (`--cookie-refresh`).
 */
export class LoginSessions {
  readonly #lane: LoginLane;
  readonly #config: Config;

  constructor(lane: LoginLane, config: Config) {
    this.#lane = lane;
    this.#config = config;
  }

  /** @param cookie A `Cookie` header value that oauth2-proxy has made. Never rejects. */
  async read(cookie: string): Promise<Reading> {
    const { basePath, cookieName } = this.#config;
    const answer = await this.#lane.get(loginPath(basePath, "userinfo"), {
      Accept: "application/json",
      Cookie: cookie,
    });
    if (answer.kind === "Unreachable") return { kind: "Failed", problem: answer.problem };
    const { status, body, headers } = answer;
    const setCookies = headers["set-cookie"] ?? [];
    if (status !== 200) return isRefusal(setCookies) ? { kind: "Refused" } : failed(`oauth2-proxy answered ${status}`);
    const identity = parseUserInfo(body);
    if (identity === undefined) return failed("oauth2-proxy named no user");
    const renewed = loginSessionOf(setCookies, cookieName);
    return { kind: "Valid", cookie: renewed ?? cookie, identity, isRenewed: renewed !== undefined };
  }

  /** Renews a session with the provider. Never rejects. */
  async renew(cookie: string): Promise<Renewal> {
    const reading = await this.read(cookie);
    if (reading.kind !== "Valid") return reading;
    return reading.isRenewed ? { ...reading, kind: "Renewed" } : failed("the provider did not renew it");
  }
}

/** The session among the cookies that oauth2-proxy sets: one, or its parts if it is long. */
export function loginSessionOf(setCookies: readonly string[], cookieName: string): string | undefined {
  const pairs = setCookies.map((line) => line.split(";", 1)[0] ?? "").filter((pair) => isPart(pair, cookieName));
  return pairs.length === 0 ? undefined : pairs.join("; ");
}

function isPart(pair: string, cookieName: string): boolean {
  const [name = "", value = ""] = pair.split("=", 2);
  return value !== "" && name.startsWith(cookieName) && /^(_\d+)?$/.test(name.slice(cookieName.length));
}

/**
 * Whether the provider has refused the refresh token (`invalid_grant`). oauth2-proxy answers 401 then, and whenever it
 * cannot renew a session whose access token is over; but it removes a session's cookie twice if the provider refused,
 * for the refusal and for the session that is not valid, and once if it is not valid alone.
 */
function isRefusal(setCookies: readonly string[]): boolean {
  const removed = setCookies.map((line) => line.split(";", 1)[0] ?? "").filter((pair) => pair.endsWith("="));
  return new Set(removed).size < removed.length;
}

function failed(problem: string): { readonly kind: "Failed"; readonly problem: string } {
  return { kind: "Failed", problem };
}
