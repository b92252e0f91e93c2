import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from "jose";
import type { SessionAnswer } from "../login-service.ts";
import { identityOf, type ClaimNames } from "./claims.ts";
import { KeysUnavailable } from "./provider-keys.ts";
import type { TokenRefusal } from "./scheme.ts";
import type { BearerSettings } from "./settings.ts";

/**
 * Only signatures by a private key of the provider: `HS…` would be signed with the client's secret, and `none` not at
 * all.
 */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** Types of access tokens (RFC 9068); a logout token, for example, has another. */
const TYPES: readonly unknown[] = [undefined, "jwt", "at+jwt", "application/at+jwt"];

/** How far the provider's clock may be ahead, in seconds. The expiry of a token is checked by our own. */
const CLOCK_TOLERANCE = 30;

export type VerifierDeps = {
  readonly settings: Pick<BearerSettings, "issuerUrl" | "audiences"> & ClaimNames;
  readonly findKey: JWTVerifyGetKey;
  /** Whether what was issued at a time, in milliseconds since 1970, is no longer valid. */
  readonly isRevoked: (issuedAt: number) => boolean;
  /** The wall clock, in milliseconds. */
  readonly now: () => number;
};

/** Verifies tokens of one provider. Only the provider's keys are cached. */
export class TokenVerifier {
  readonly #deps: VerifierDeps;

  constructor(deps: VerifierDeps) {
    this.#deps = deps;
  }

  /** Whose token it is. @param token In its compact form; empty: none that could be read. Never rejects. */
  async ask(token: string): Promise<SessionAnswer> {
    try {
      return this.#judge(await this.#verify(token));
    } catch (error) {
      if (error instanceof KeysUnavailable) return { kind: "Unreachable", problem: error.message };
      return { kind: "TokenRefused", reason: tokenRefusalOf(error) };
    }
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { settings, findKey, now } = this.#deps;
    const { payload, protectedHeader } = await jwtVerify(token, findKey, {
      algorithms: ALGORITHMS,
      issuer: settings.issuerUrl,
      audience: [...settings.audiences],
      requiredClaims: ["exp", "sub"],
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: new Date(now()),
    });
    if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) throw new Error("a token of another type");
    // Bound to a key or certificate of its owner (RFC 7800), which was not presented.
    if (payload["cnf"] !== undefined) throw new Error("a token that does not count by itself");
    return payload;
  }

  #judge(claims: JWTPayload): SessionAnswer {
    const { settings, isRevoked, now } = this.#deps;
    const expiresAt = (claims.exp ?? 0) * 1000;
    // A token without `iat` counts as infinitely old.
    if (expiresAt <= now() || isRevoked((claims.iat ?? 0) * 1000))
      return { kind: "TokenRefused", reason: "TokenExpired" };
    const identity = identityOf(claims, settings);
    if (identity === undefined) return { kind: "TokenRefused", reason: "TokenNotAccepted" };
    return { kind: "SignedIn", identity, tokenExpiresAt: expiresAt };
  }
}

function tokenRefusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return "TokenExpired";
  const isAudience = error instanceof errors.JWTClaimValidationFailed && error.claim === "aud";
  return isAudience ? "TokenForAnotherAudience" : "TokenNotAccepted";
}
