import type { Credentials, SessionAnswer, SessionSource } from "../login-service.ts";
import { bearerToken } from "./scheme.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/**
 * A request with a token is evaluated by it alone: a session beside it does not count, not even when the token is
 * refused.
 */
export class TokenOrSession implements SessionSource {
  readonly #tokens: TokenVerifier | undefined;
  readonly #sessions: SessionSource;

  /** @param tokens Undefined: no tokens are accepted, and the session decides whatever `Authorization` says. */
  constructor(tokens: TokenVerifier | undefined, sessions: SessionSource) {
    this.#tokens = tokens;
    this.#sessions = sessions;
  }

  async ask(credentials: Credentials): Promise<SessionAnswer> {
    const token = bearerToken(credentials.authorization);
    return this.#tokens === undefined || token === undefined
      ? this.#sessions.ask(credentials)
      : this.#tokens.ask(token);
  }
}
