import type { Identity } from "./identity.ts";
import { isRecord, isTextList } from "./json.ts";

/** Who is authorized. `Broken` authorizes nobody. */
export type Policy =
  | { readonly kind: "AnyUser"; readonly sessionsNotBefore?: number }
  | {
      readonly kind: "Listed";
      /** Sessions and tokens from before this time are invalid; in milliseconds since 1970. */
      readonly sessionsNotBefore?: number;
      readonly userIds: ReadonlySet<string>;
      /** Folded by `foldEmail`. */
      readonly emails: ReadonlySet<string>;
      readonly groups: ReadonlySet<string>;
    }
  | { readonly kind: "Broken"; readonly problem: string };

export type PolicyRefusal =
  | "PolicyBroken"
  | "NobodyAuthorized"
  | "UserIdNotAuthorized"
  | "EmailNotAuthorized"
  | "EmailNotVerified"
  | "GroupNotAuthorized";

const LISTS = ["userIds", "emails", "groups"] as const;
const KEYS: readonly string[] = [...LISTS, "allowAnyUser", "sessionsNotBefore"];

/** Reads a policy file. Whatever is not exactly a policy becomes `Broken`, with the reason for the log. */
export function parsePolicy(text: string): Policy {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return broken("it is not JSON"); // the parser's message quotes the file, which holds e-mail addresses
  }
  if (!isRecord(value)) return broken("it is not an object");
  const unknown = Object.keys(value).filter((key) => !KEYS.includes(key));
  if (unknown.length > 0) return broken(`unknown keys: ${unknown.join(", ")}`);

  const [userIds, emails, groups] = LISTS.map((list) => strings(value[list]));
  if (userIds === undefined || emails === undefined || groups === undefined) {
    return broken("userIds, emails and groups have to be lists of strings that are not empty");
  }
  const anyUser = value["allowAnyUser"] ?? false;
  if (typeof anyUser !== "boolean") return broken("allowAnyUser has to be true or false");
  const sessionsNotBefore = timeOf(value["sessionsNotBefore"]);
  if (Number.isNaN(sessionsNotBefore)) return broken("sessionsNotBefore has to be a time such as 2026-01-31T12:00:00Z");
  const common = sessionsNotBefore === undefined ? {} : { sessionsNotBefore };
  if (!anyUser)
    return { kind: "Listed", ...common, userIds: new Set(userIds), emails: foldAll(emails), groups: new Set(groups) };
  if (userIds.length + emails.length + groups.length > 0) return broken("allowAnyUser is combined with a list");
  return { kind: "AnyUser", ...common };
}

/**
 * Whether something that was issued at a time, a session or a token (by its claim `iat`), is no longer valid. A time in
 * the future invalidates nothing, or nobody could sign in until then.
 *
 * @param issuedAt And `now`: in milliseconds since 1970.
 */
export function isRevoked(issuedAt: number, policy: Policy, now: number): boolean {
  const notBefore = policy.kind === "Broken" ? 0 : (policy.sessionsNotBefore ?? 0);
  return notBefore <= now && issuedAt < notBefore;
}

/** The reason why the policy does not authorize this person, or `undefined` if it does. */
export function refusalOf(policy: Policy, identity: Identity): PolicyRefusal | undefined {
  if (identity.userId === "") return "NobodyAuthorized";
  switch (policy.kind) {
    case "Broken":
      return "PolicyBroken";
    case "AnyUser":
      return undefined;
    case "Listed":
      return refusalOfLists(policy, identity);
  }
}

/**
 * An e-mail address in the form in which two of them are compared.
 *
 * Only ASCII letters are folded: Unicode folding maps the Kelvin sign to `k`, and with it one address to another
 * person's.
 *
 * @returns `undefined` for what is not one address: not exactly one `@`, an empty side, a space or control character.
 */
export function foldEmail(email: string): string | undefined {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused here
  if (/[\s\u0000-\u001f\u007f]/.test(email)) return undefined;
  if (!/^[^@]+@[^@]+$/.test(email)) return undefined;
  return email.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function refusalOfLists(policy: Policy & { kind: "Listed" }, identity: Identity): PolicyRefusal | undefined {
  const { userIds, emails, groups } = policy;
  if (userIds.size + emails.size + groups.size === 0) return "NobodyAuthorized";
  if (userIds.size > 0 && !userIds.has(identity.userId)) return "UserIdNotAuthorized";
  const isListed = (email = ""): boolean => emails.has(foldEmail(email) ?? NEVER_LISTED);
  if (emails.size > 0 && !isListed(identity.email)) {
    return isListed(identity.unverifiedEmail) ? "EmailNotVerified" : "EmailNotAuthorized";
  }
  if (groups.size > 0 && !identity.groups.some((group) => groups.has(group))) return "GroupNotAuthorized";
  return undefined;
}

/** Stands for addresses that cannot match; it is in no set, because lists of empty strings are refused. */
const NEVER_LISTED = "";

/** An invalid address is kept as an entry that nobody can match: the list still counts. */
function foldAll(emails: readonly string[]): ReadonlySet<string> {
  return new Set(emails.map((email) => foldEmail(email) ?? `not an address: ${email}`));
}

/** Undefined if there is none, NaN if it is no time. */
function timeOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN;
}

function strings(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  return isTextList(value) ? value : undefined;
}

function broken(problem: string): Policy {
  return { kind: "Broken", problem };
}
