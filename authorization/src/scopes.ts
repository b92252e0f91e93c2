/**
 * How often a provider may refuse the scopes of one login before it fails: first without `groups`, which many do not
 * support, then with `openid` alone.
 */
export const MAX_REFUSALS = 2;

/**
 * The scopes to request: of the defaults, only what the provider advertises.
 *
 * @param wanted As oauth2-proxy requests them.
 * @param optional Those of them that are defaults.
 * @param supported `scopes_supported`; undefined if the provider does not say.
 * @param refusals How often it has refused.
 */
export function scopesToAskFor(
  wanted: string,
  optional: readonly string[],
  supported: readonly string[] | undefined,
  refusals: number,
): string {
  const isAskedFor = (scope: string): boolean => {
    if (!optional.includes(scope)) return true;
    if (refusals >= MAX_REFUSALS || (refusals === 1 && scope === "groups")) return false;
    return supported === undefined || supported.includes(scope);
  };
  return wanted
    .split(" ")
    .filter((scope) => isAskedFor(scope))
    .join(" ");
}
