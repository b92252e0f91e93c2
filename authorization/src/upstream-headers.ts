import { randomBytes } from "node:crypto";
import type { Allowed } from "./access.ts";

/** The pair that Jupyter compares; only requests with a token get it, and only towards Jupyter. */
const XSRF = randomBytes(16).toString("hex");

/**
 * Headers of an authorized request, as the upstream gets them instead of the client's own: the identity, under the
 * names of oauth2-proxy, and the cookies without those of the login.
 *
 * Jupyter requires a matching cookie and header for each unsafe request, so that no other site can cause it. A browser
 * never adds a token to a request by itself, so a request with one needs no such proof, and gets the pair from us.
 */
export function upstreamHeaders(allowed: Allowed, cookies: string): Readonly<Record<string, string>> {
  const isByToken = allowed.tokenExpiresAt !== undefined;
  const cookie = isByToken ? withXsrf(cookies) : cookies;
  return {
    ...(cookie === "" ? {} : { Cookie: cookie }),
    ...(isByToken ? { "X-XSRFToken": XSRF } : {}),
    ...identityHeaders(allowed),
  };
}

function withXsrf(cookies: string): string {
  const others = cookies.split("; ").filter((pair) => pair !== "" && !pair.startsWith("_xsrf="));
  return [...others, `_xsrf=${XSRF}`].join("; ");
}

function identityHeaders({ identity: { userId, email, name = "" } }: Allowed): Readonly<Record<string, string>> {
  const values = {
    "X-Forwarded-User": userId,
    "X-Forwarded-Email": email,
    "X-Forwarded-Preferred-Username": name,
  };
  const encoded = Object.entries(values).map(([header, value]) => [header, headerValue(value)] as const);
  return Object.fromEntries(encoded.filter(([, value]) => value !== ""));
}

/** UTF-8 in the octets of a header. A value with control characters would end the header: it is left out. */
function headerValue(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are searched for
  return /[\u0000-\u001f\u007f]/.test(text) ? "" : Buffer.from(text, "utf8").toString("latin1");
}
