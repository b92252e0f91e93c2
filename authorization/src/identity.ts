import { parseRecord } from "./json.ts";

/** Who a session belongs to, as oauth2-proxy's `userinfo` says it, or a token. */
export type Identity = {
  /** The `sub` claim (or the claim the provider settings name instead). Never empty. */
  readonly userId: string;
  /** Empty when the provider gives none, or none that counts. */
  readonly email: string;
  /** An address that does not count, because the provider has not verified it. */
  readonly unverifiedEmail?: string;
  readonly groups: readonly string[];
  /** What people call them (`preferred_username`). It decides nothing, and is never empty. */
  readonly name?: string;
};

/**
 * Reads the JSON of oauth2-proxy's `userinfo`.
 *
 * @returns `undefined` when the response names no user: a session without an identity is not authorized.
 */
export function parseUserInfo(text: string): Identity | undefined {
  const document = parseRecord(text);
  const userId = document?.["user"];
  if (typeof userId !== "string" || userId === "") return undefined;
  const email = document?.["email"];
  const groups = document?.["groups"];
  const name = document?.["preferredUsername"];
  return {
    userId,
    email: typeof email === "string" ? email : "",
    groups: Array.isArray(groups) ? groups.filter((group) => typeof group === "string") : [],
    ...(typeof name === "string" && name !== "" ? { name } : {}),
  };
}
