import { isRecord, parseRecord, type JsonRecord } from "../json.ts";

/** When an address counts, by the provider's `email_verified`. */
export type EmailVerification =
  /** Only if the provider says that it is verified. */
  | "Required"
  /** Unless the provider says that it is not, as oauth2-proxy and so 0.24 take it. */
  | "UnlessFalse"
  | "Ignored";

/** The claim with the address, and when it counts. */
export type EmailSettings = { readonly claim: string; readonly verification: EmailVerification };

export type Claims = JsonRecord;

/** An address is one that counts, or one that does not. */
export type Email = { readonly email: string; readonly unverifiedEmail?: string };

/** Whether claims are complete about the address; otherwise the provider's UserInfo may have more. */
export function areComplete(claims: Claims, { claim, verification }: EmailSettings): boolean {
  const isVerifiedKnown = verification === "Ignored" || saysIfVerified(claims);
  return typeof claimAt(claims, claim) === "string" && isVerifiedKnown;
}

/**
 * The claims of the ID token, and what it does not say from UserInfo. `email` and `email_verified` come from the same of
 * the two: an ID token may be older than UserInfo, and an address is not verified because another one is.
 */
export function withUserInfo(idToken: Claims, userInfo: Claims): Claims {
  const sources = [idToken, userInfo].filter((claims) => typeof claims["email"] === "string");
  const { email, email_verified } = sources.find(saysIfVerified) ?? sources[0] ?? idToken;
  return { ...userInfo, ...idToken, email, email_verified };
}

function saysIfVerified(claims: Claims): boolean {
  return claims["email_verified"] !== undefined;
}

/** The address that claims give. */
export function emailOf(claims: Claims, settings: EmailSettings): Email {
  const value = claimAt(claims, settings.claim);
  if (typeof value !== "string" || value === "") return { email: "" };
  return counts(value, claims, settings) ? { email: value } : { email: "", unverifiedEmail: value };
}

/** `email_verified` speaks of the claim `email`, and of no other. Some providers write it as a string. */
function counts(value: string, claims: Claims, { claim, verification }: EmailSettings): boolean {
  const isVerified = claims["email_verified"];
  switch (verification) {
    case "Ignored":
      return true;
    case "UnlessFalse":
      return claim !== "email" || (isVerified !== false && isVerified !== "false");
    case "Required":
      return claims["email"] === value && (isVerified === true || isVerified === "true");
  }
}

/** A claim of this whole name, else one within others, divided by dots. */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split(".")
    .reduce<unknown>((value, key) => (isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined), claims);
}

/** The claims of a token that oauth2-proxy has checked; none if it cannot be read. */
export function claimsOf(token: string): Claims {
  const [, payload = ""] = token.split(".");
  return parseRecord(Buffer.from(payload, "base64url").toString("utf8")) ?? {};
}
