/** What a request says about where it comes from and where it goes. */
export type OriginFacts = {
  readonly method: string;
  readonly isUpgrade: boolean;
  /** The request's own `Host`. */
  readonly host: string;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
};

export type OriginRefusal = "HostNotAllowed" | "CrossSite" | "OriginNotAllowed";

/** Methods that change nothing (RFC 9110, 9.2.1), so that another site may cause them. */
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** Whether a request by this method changes nothing. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.includes(method);
}

/**
 * Values of Sec-Fetch-Site for the server's own pages and for what a person typed. A sibling subdomain is `same-site`.
 */
const OWN_FETCH_SITES: readonly string[] = ["same-origin", "none"];

/**
 * The reason to refuse a request that another site may have caused, or `undefined`.
 *
 * Jupyter has checks of its own; these also protect whatever else listens behind the login. A request without Origin
 * and Sec-Fetch-Site comes from no browser: browsers send Origin with every upgrade and unsafe method.
 *
 * @param origins The public addresses; when empty, the request's own host counts.
 */
export function originRefusal(facts: OriginFacts, origins: readonly string[]): OriginRefusal | undefined {
  if (origins.length > 0 && !origins.some((origin) => hasHost(origin, facts.host))) return "HostNotAllowed";
  if (!facts.isUpgrade && SAFE_METHODS.includes(facts.method)) return undefined;
  if (facts.fetchSite !== undefined && !OWN_FETCH_SITES.includes(facts.fetchSite)) return "CrossSite";
  if (facts.origin === undefined || isOwn(facts.origin, facts.host, origins)) return undefined;
  return "OriginNotAllowed";
}

function isOwn(origin: string, host: string, origins: readonly string[]): boolean {
  return origins.length > 0 ? origins.includes(origin) : hasHost(origin, host);
}

/** Whether an origin's host is this `Host` header. Port 80 of http and 443 of https need not be written. */
function hasHost(origin: string, host: string): boolean {
  const own = parseOrigin(origin);
  if (own === undefined || !/^[^/?#@\\\s]+$/.test(host)) return false;
  return URL.parse(`${own.protocol}//${host}`)?.host === own.host;
}

/** Parses a serialized origin: scheme, host and port and nothing else. `null` and anything unusual are no origin. */
export function parseOrigin(text: string): URL | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  return url.origin === text ? url : undefined;
}
