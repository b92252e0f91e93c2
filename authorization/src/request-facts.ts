import type { IncomingHttpHeaders } from "node:http";
import { splitCookies } from "./cookies.ts";
import type { Credentials } from "./login-service.ts";

/** What is asked for, which decides the form of a refusal. */
type RequestKind = "Page" | "Api" | "WebSocket";

/** A request of a person, as far as access depends on it. */
export type RequestFacts = {
  readonly kind: RequestKind;
  readonly method: string;
  readonly host: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly credentials: Credentials;
  /** The cookies Jupyter may see. */
  readonly cookiesForUpstream: string;
  /** More than anybody has, except as a denial of service. */
  readonly hasTooManyCookies: boolean;
};

/**
 * Reads the request that traefik forwards for authorization.
 *
 * @returns `undefined` when traefik's own headers are missing: then it was not traefik that asked.
 */
export function factsFromForwardAuth(headers: IncomingHttpHeaders, cookieName: string): RequestFacts | undefined {
  const method = single(headers["x-forwarded-method"]);
  const host = single(headers["x-forwarded-host"]);
  const target = single(headers["x-forwarded-uri"]);
  if (method === undefined || host === undefined || target === undefined) return undefined;
  return { kind: wantsPage(headers.accept) ? "Page" : "Api", method, host, target, ...shared(headers, cookieName) };
}

/** Reads an upgrade request that traefik forwards. `target` is its path without the prefix traefik has added. */
export function factsFromUpgrade(
  headers: IncomingHttpHeaders,
  target: string,
  cookieName: string,
): RequestFacts | undefined {
  const host = single(headers.host);
  if (host === undefined) return undefined;
  return { kind: "WebSocket", method: "GET", host, target, ...shared(headers, cookieName) };
}

/** Whether to answer with a page; the same rule as that of traefik's router for pages. */
export function wantsPage(accept: string | undefined): boolean {
  return /(^|,) *text\/html/i.test(accept ?? "");
}

function shared(headers: IncomingHttpHeaders, cookieName: string) {
  const { session, rest, isTooMuch } = splitCookies(headers.cookie ?? "", cookieName);
  return {
    origin: headers.origin,
    fetchSite: single(headers["sec-fetch-site"]),
    credentials: { cookie: session, authorization: headers.authorization ?? "" },
    cookiesForUpstream: rest,
    hasTooManyCookies: isTooMuch,
  };
}

/** Node joins repeated headers of these names by a comma, which then equals no host. */
function single(value: string | readonly string[] | undefined): string | undefined {
  const text = typeof value === "string" ? value : value?.join(", ");
  return text === "" ? undefined : text;
}
