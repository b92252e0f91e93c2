import { ACCOUNT_HEADER } from "./identity-provider.ts";

/** Cookies by origin and name. */
type Jar = Map<string, Map<string, { readonly value: string; readonly path: string }>>;

/** What came of a login: the answer of the page that was asked for, and the cookies for the server. */
export type Login = {
  readonly status: number;
  readonly url: string;
  readonly body: string;
  /** A `Cookie` header value. */
  readonly cookie: string;
  /** The `Set-Cookie` headers the server sent on the way. */
  readonly setCookies: readonly string[];
};

const MAX_STEPS = 15;

/** Sends one request. */
export type Send = (url: string, headers: Readonly<Record<string, string>>) => Promise<Response>;

/** Without following redirects, which `signIn` does. */
const send: Send = (url, headers) => fetch(url, { redirect: "manual", headers, signal: AbortSignal.timeout(20_000) });

/**
 * Opens a page as a browser would and follows the redirects through the provider, signing in as `account`.
 *
 * @param sendRequest Sends the requests where names of hosts lead elsewhere than for this machine.
 */
export async function signIn(pageUrl: string, account: string, sendRequest: Send = send): Promise<Login> {
  const jar: Jar = new Map();
  const setCookies: string[] = [];
  const { origin } = new URL(pageUrl);
  let url = pageUrl;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const headers = { Accept: "text/html", Cookie: cookieHeader(jar, url), [ACCOUNT_HEADER]: account };
    const response = await sendRequest(url, headers);
    const body = await response.text();
    keepCookies(jar, url, response.headers.getSetCookie());
    if (new URL(url).origin === origin) setCookies.push(...response.headers.getSetCookie());
    const location = response.headers.get("location");
    if (location === null) return { status: response.status, url, body, cookie: cookieHeader(jar, url), setCookies };
    url = new URL(location, url).href;
  }
  throw new Error(`signing in as ${account} did not end after ${MAX_STEPS} redirects, the last to ${url}`);
}

function keepCookies(jar: Jar, url: string, setCookies: readonly string[]): void {
  const { origin } = new URL(url);
  const cookies = jar.get(origin) ?? new Map<string, { readonly value: string; readonly path: string }>();
  for (const line of setCookies) {
    const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
    const [name = "", ...value] = pair.split("=");
    const isGone = attributes.some((attribute) => /^(max-age=0|expires=thu, 01 jan 1970.*)$/i.test(attribute));
    if (isGone || value.join("=") === "") cookies.delete(name);
    else cookies.set(name, { value: value.join("="), path: pathOf(attributes) });
  }
  jar.set(origin, cookies);
}

function pathOf(attributes: readonly string[]): string {
  return attributes.find((attribute) => /^path=/i.test(attribute))?.slice("path=".length) ?? "/";
}

/** @see https://www.rfc-editor.org/rfc/rfc6265#section-5.1.4 which paths a cookie is sent to */
function cookieHeader(jar: Jar, url: string): string {
  const { origin, pathname } = new URL(url);
  return [...(jar.get(origin) ?? [])]
    .filter(([, { path }]) => pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`))
    .map(([name, { value }]) => `${name}=${value}`)
    .join("; ");
}
