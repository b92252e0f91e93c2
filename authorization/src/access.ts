import type { TokenRefusal } from "./bearer/scheme.ts";
import type { AuthorizationConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import type { SessionAnswer, SessionSource } from "./login-service.ts";
import { refusalOf, type Policy, type PolicyRefusal } from "./policy.ts";
import type { RequestFacts } from "./request-facts.ts";
import { isWithin } from "./request-path.ts";
import { originRefusal, type OriginRefusal } from "./same-origin.ts";

/** Every reason why a request is denied. `REFUSAL_STATUS` has the HTTP status of each. */
export type RefusalReason =
  | "Malformed"
  | "TooManyCookies"
  | "OutsideBasePath"
  | OriginRefusal
  | "NotSignedIn"
  | "LoginServiceUnavailable"
  | TokenRefusal
  | PolicyRefusal;

/** HTTP status of each refusal. */
export const REFUSAL_STATUS: Readonly<Record<RefusalReason, number>> = {
  Malformed: 400,
  TooManyCookies: 431,
  OutsideBasePath: 404,
  HostNotAllowed: 403,
  CrossSite: 403,
  OriginNotAllowed: 403,
  NotSignedIn: 401,
  LoginServiceUnavailable: 503,
  TokenNotAccepted: 401,
  TokenExpired: 401,
  TokenForAnotherAudience: 401,
  PolicyBroken: 403,
  NobodyAuthorized: 403,
  UserIdNotAuthorized: 403,
  EmailNotAuthorized: 403,
  EmailNotVerified: 403,
  GroupNotAuthorized: 403,
};

/** Whether a request is authorized, and who sent it as far as that is known. */
export type Decision =
  Allowed | { readonly kind: "Refuse"; readonly reason: RefusalReason; readonly identity: Identity | undefined };

export type Allowed = {
  readonly kind: "Allow";
  readonly identity: Identity;
  /** Set if access was by a token, not by a session; in milliseconds since 1970. */
  readonly tokenExpiresAt?: number;
};

/** What a decision depends on besides the request. */
export type AccessDeps = {
  readonly config: Pick<AuthorizationConfig, "basePath" | "origins">;
  readonly policy: () => Policy;
  /** Whose a token or session is. */
  readonly identities: SessionSource;
};

/**
 * Decides one request. The identity comes from a token signed by the provider, or from this request's own session: no
 * header can name a user.
 */
export async function decideAccess(facts: RequestFacts, deps: AccessDeps): Promise<Decision> {
  const early = refusalOfRequest(facts, deps.config);
  if (early !== undefined) return refuse(early);
  const { cookie, authorization } = facts.credentials;
  if (cookie === "" && authorization === "") return refuse("NotSignedIn");

  const answer = await deps.identities.ask(facts.credentials);
  switch (answer.kind) {
    case "Unreachable":
      return refuse("LoginServiceUnavailable");
    case "SignedOut":
      return refuse("NotSignedIn");
    case "SignedIn":
      return decideIdentity(answer, deps.policy());
    case "TokenRefused":
      return refuse(answer.reason);
  }
}

function refusalOfRequest(facts: RequestFacts, config: AccessDeps["config"]): RefusalReason | undefined {
  if (!isWithin(facts.target, config.basePath)) return "OutsideBasePath";
  if (facts.hasTooManyCookies) return "TooManyCookies";
  return originRefusal({ ...facts, isUpgrade: facts.kind === "WebSocket" }, config.origins);
}

function decideIdentity(answer: SessionAnswer & { readonly kind: "SignedIn" }, policy: Policy): Decision {
  const reason = refusalOf(policy, answer.identity);
  return reason === undefined ? { ...answer, kind: "Allow" } : refuse(reason, answer.identity);
}

function refuse(reason: RefusalReason, identity?: Identity): Decision {
  return { kind: "Refuse", reason, identity };
}
