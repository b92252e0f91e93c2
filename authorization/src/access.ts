import type { AuthorizationConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import type { SessionSource } from "./login-service.ts";
import { refusalOf, type Policy, type PolicyRefusal } from "./policy.ts";
import type { RequestFacts } from "./request-facts.ts";
import { isWithin } from "./request-path.ts";
import { originRefusal, type OriginRefusal } from "./same-origin.ts";

/** Every reason why a request is not let in. `REFUSAL_STATUS` has the HTTP status of each. */
export type RefusalReason =
  | "Malformed"
  | "TooManyCookies"
  | "OutsideBasePath"
  | OriginRefusal
  | "NotSignedIn"
  | "LoginServiceUnavailable"
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
  PolicyBroken: 403,
  NobodyAuthorized: 403,
  UserIdNotAuthorized: 403,
  EmailNotAuthorized: 403,
  EmailNotVerified: 403,
  GroupNotAuthorized: 403,
};

/** Whether a request is let in, and who made it as far as that is known. */
export type Decision =
  | { readonly kind: "Allow"; readonly identity: Identity }
  | { readonly kind: "Refuse"; readonly reason: RefusalReason; readonly identity: Identity | undefined };

/** What a decision depends on besides the request. */
export type AccessDeps = {
  readonly config: Pick<AuthorizationConfig, "basePath" | "origins">;
  readonly policy: () => Policy;
  readonly sessions: SessionSource;
};

/**
 * Decides one request. Who somebody is says oauth2-proxy alone, asked over loopback for this request's own credentials:
 * no header can name a user.
 */
export async function decideAccess(facts: RequestFacts, deps: AccessDeps): Promise<Decision> {
  const early = refusalOfRequest(facts, deps.config);
  if (early !== undefined) return refuse(early);
  const { cookie, authorization } = facts.credentials;
  if (cookie === "" && authorization === "") return refuse("NotSignedIn");

  const session = await deps.sessions.ask(facts.credentials);
  switch (session.kind) {
    case "Unreachable":
      return refuse("LoginServiceUnavailable");
    case "SignedOut":
      return refuse("NotSignedIn");
    case "SignedIn":
      return decideIdentity(session.identity, deps.policy());
  }
}

function refusalOfRequest(facts: RequestFacts, config: AccessDeps["config"]): RefusalReason | undefined {
  if (!isWithin(facts.target, config.basePath)) return "OutsideBasePath";
  if (facts.hasTooManyCookies) return "TooManyCookies";
  return originRefusal({ ...facts, isUpgrade: facts.kind === "WebSocket" }, config.origins);
}

function decideIdentity(identity: Identity, policy: Policy): Decision {
  const reason = refusalOf(policy, identity);
  return reason === undefined ? { kind: "Allow", identity } : refuse(reason, identity);
}

function refuse(reason: RefusalReason, identity?: Identity): Decision {
  return { kind: "Refuse", reason, identity };
}
