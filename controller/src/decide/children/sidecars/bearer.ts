import type { Oidc } from "@amalthea/api";
import { isFlag, isFlagSet, lastValue, valuesOf } from "./flags.ts";

/** What patches of clients of 0.24 have made of oauth2-proxy's own way to accept tokens. */
export type PatchedBearer = {
  /** `--skip-jwt-bearer-tokens` is set. */
  readonly enabled: boolean;
  /** Of `--oidc-extra-audience`, and of `--extra-jwt-issuers` as far as it names the login's own provider. */
  readonly audiences: readonly string[];
  /** Where the login has its groups, and so the token; undefined: where the spec says. */
  readonly groupsClaim: string | undefined;
  /** Arguments that name other providers; not supported. */
  readonly ignored: readonly string[];
};

/** Of the login, as the spec has it. */
export type LoginOptions = Pick<Oidc, "issuerUrl" | "extraAudiences">;

const SKIP_JWT = "--skip-jwt-bearer-tokens";
const EXTRA_AUDIENCE = "--oidc-extra-audience=";
const EXTRA_ISSUERS = "--extra-jwt-issuers=";
const GROUPS_CLAIM = "--oidc-groups-claim=";

/** Flags whose value may be an argument of its own. */
export const BEARER_FLAGS: readonly string[] = [EXTRA_AUDIENCE, EXTRA_ISSUERS, GROUPS_CLAIM];

/**
 * Removes the arguments about tokens from oauth2-proxy's. It would accept a token for an additional audience in a
 * browser's login, too, and Jupyter would require a cookie for each change: the authorization service checks tokens.
 *
 * An audience is left to oauth2-proxy if no tokens are accepted, or if the spec names it for the login.
 *
 * @param args Each with its value in one argument.
 */
export function takeBearerArgs(
  args: readonly string[],
  { issuerUrl = "", extraAudiences = [] }: LoginOptions,
): { readonly args: readonly string[]; readonly bearer: PatchedBearer } {
  const enabled = isFlagSet(args, SKIP_JWT);
  const issuers = valuesOf(args, EXTRA_ISSUERS);
  const own = issuers.filter((pair) => pair.startsWith(`${issuerUrl}=`));
  const ofOwn = own.map((pair) => pair.slice(issuerUrl.length + 1));
  const isOfLogin = (arg: string): boolean => extraAudiences.includes(arg.slice(EXTRA_AUDIENCE.length));
  const isTaken = (arg: string): boolean =>
    isFlag(arg, SKIP_JWT) ||
    (enabled && (arg.startsWith(EXTRA_ISSUERS) || (arg.startsWith(EXTRA_AUDIENCE) && !isOfLogin(arg))));
  return {
    args: args.filter((arg) => !isTaken(arg)),
    bearer: {
      enabled,
      groupsClaim: lastValue(args, GROUPS_CLAIM),
      audiences: enabled ? [...valuesOf(args, EXTRA_AUDIENCE), ...ofOwn] : [],
      ignored: enabled ? issuers.filter((pair) => !own.includes(pair)).map((pair) => `${EXTRA_ISSUERS}${pair}`) : [],
    },
  };
}

/** Environment of the authorization service that makes it accept tokens; empty if it accepts none. */
export function bearerEnvironment(oidc: Oidc, patched: PatchedBearer): Readonly<Record<string, string>> {
  const audiences = audiencesOf(oidc, patched);
  if (audiences.length === 0) return {};
  const { issuerUrl, discovery } = oidc;
  const groupsClaim = patched.groupsClaim ?? oidc.groupsClaim;
  return { AMALTHEA_BEARER: JSON.stringify({ issuerUrl, audiences, jwksUrl: discovery?.jwksUrl, groupsClaim }) };
}

function audiencesOf({ bearer, clientId }: Oidc, patched: PatchedBearer): readonly string[] {
  const given = bearer?.enabled === true ? (bearer.audiences ?? []) : [];
  const ofClient = patched.enabled ? [clientId ?? "", ...patched.audiences] : [];
  return [...new Set([...given, ...ofClient])].filter((audience) => audience !== "");
}
