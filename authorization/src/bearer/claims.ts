import type { JWTPayload } from "jose";
import type { Identity } from "../identity.ts";
import { claimAt, emailOf, type EmailSettings } from "../session/email.ts";

/** The claims of a token that identify its owner, the same as in a login. */
export type ClaimNames = { readonly groupsClaim: string; readonly email: EmailSettings };

/** The owner of a token, by its claims. @returns `undefined` when it names nobody. */
export function identityOf(claims: JWTPayload, { groupsClaim, email }: ClaimNames): Identity | undefined {
  const { sub, preferred_username: name } = claims;
  if (typeof sub !== "string" || sub === "") return undefined;
  return {
    userId: sub,
    ...emailOf(claims, email),
    groups: groupsOf(claimAt(claims, groupsClaim)),
    ...(typeof name === "string" && name !== "" ? { name } : {}),
  };
}

function groupsOf(value: unknown): readonly string[] {
  const groups: readonly unknown[] = Array.isArray(value) ? value : [value];
  return groups.filter((group): group is string => typeof group === "string" && group !== "");
}
