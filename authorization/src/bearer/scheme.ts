/** Why a token is refused. */
export type TokenRefusal = "TokenNotAccepted" | "TokenExpired" | "TokenForAnotherAudience";

/** Signed tokens of providers have 1 to 4 KiB, with some hundred groups 12. */
const MAX_TOKEN_LENGTH = 16_384;

/** RFC 6750 calls the scheme `Bearer`; the clients of Jupyter send `token` by default. */
const SCHEME = /^(bearer|token)(\s|$)/i;

/** A signed JWT (RFC 7515, 7.1). Encrypted ones have five parts. */
const CREDENTIALS = /^\S+ +([\w-]+\.[\w-]+\.[\w-]+)$/;

/**
 * The token in an `Authorization` header: `undefined` for another scheme, empty for a token that cannot be one. With
 * one of these schemes the session is not considered, whatever follows it.
 */
export function bearerToken(authorization: string): string | undefined {
  if (!SCHEME.test(authorization)) return undefined;
  const [, token = ""] = CREDENTIALS.exec(authorization) ?? [];
  return token.length > MAX_TOKEN_LENGTH ? "" : token;
}
