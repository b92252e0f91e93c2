/**
 * Whether a cookie is oauth2-proxy's: the session itself, its parts (`_0`, `_1`, …) when it is too long for one cookie,
 * or the short-lived ones of a login (`…_csrf`).
 */
export function isLoginCookie(name: string, cookieName: string): boolean {
  return name === cookieName || name.startsWith(`${cookieName}_`);
}

/**
 * Divides a `Cookie` header into what oauth2-proxy needs and what Jupyter may see.
 *
 * @returns For each part a header value, empty when there is no such cookie.
 */
export function splitCookies(header: string, cookieName: string): { readonly login: string; readonly rest: string } {
  const pairs = header
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
  const belongsToLogin = (pair: string): boolean => isLoginCookie(nameOf(pair), cookieName);
  return {
    login: pairs.filter(belongsToLogin).join("; "),
    rest: pairs.filter((pair) => !belongsToLogin(pair)).join("; "),
  };
}

function nameOf(pair: string): string {
  const equals = pair.indexOf("=");
  return (equals < 0 ? pair : pair.slice(0, equals)).trim();
}
