/** Cookies of one request, by whom they are for. Each is the value of a `Cookie` header, empty when there is none. */
export type SplitCookies = {
  /** The session, exactly as oauth2-proxy reads it: one cookie, or its parts in their order. */
  readonly session: string;
  /** What belongs to a login that is under way, and to one that ended with a sign-out. */
  readonly login: string;
  /** What Jupyter may see. */
  readonly rest: string;
  /** More than any browser has that only this server's login wrote to, or a session that nobody can have. */
  readonly isTooMuch: boolean;
};

/** Less than traefik accepts as head of a request (32 KiB), so that people with more still get a page. */
const MAX_BYTES = 20_480;
/** Of one cookie: oauth2-proxy divides a session that is longer. */
const MAX_COOKIE_BYTES = 4_096;
/** Parts of one session: 16 kB, some hundred groups with long names. */
const MAX_PARTS = 4;
/** oauth2-proxy keeps 3 logins that were not finished, and the newest; the others are this server's marks. */
const MAX_LOGIN_COOKIES = 8;

/** What oauth2-proxy writes into its cookies: base64url in parts that are divided by bars. */
const OWN_VALUE = /^[\w.=|-]+$/;

type Pair = { readonly name: string; readonly value: string; readonly text: string };

/**
 * Whether a cookie is the login's: the session itself, its parts (`_0`, `_1`, …) when it is too long for one cookie,
 * or the short-lived ones of a login (`…_csrf`).
 */
export function isLoginCookie(name: string, cookieName: string): boolean {
  return name === cookieName || name.startsWith(`${cookieName}_`);
}

/**
 * Divides a `Cookie` header into what oauth2-proxy needs and what Jupyter may see.
 *
 * The session is reduced to what oauth2-proxy would read of it: whatever else somebody adds makes it no other session.
 */
export function splitCookies(header: string, cookieName: string): SplitCookies {
  const pairs = pairsOf(header);
  const ours = pairs.filter(({ name, value }) => isLoginCookie(name, cookieName) && OWN_VALUE.test(value));
  const session = sessionOf(ours, cookieName);
  const login = ours.filter(({ name }) => !isSessionCookie(name, cookieName));
  const isTooMuch =
    header.length > MAX_BYTES ||
    session.length > MAX_PARTS ||
    login.length > MAX_LOGIN_COOKIES ||
    ours.some(({ value }) => value.length > MAX_COOKIE_BYTES);
  return {
    session: isTooMuch ? "" : assignments(session),
    login: isTooMuch ? "" : assignments(login),
    rest: headerOf(pairs.filter(({ name }) => !isLoginCookie(name, cookieName))),
    isTooMuch,
  };
}

/** The names of the login's cookies in a header, each once. */
export function loginCookieNames(header: string, cookieName: string): readonly string[] {
  return [...new Set(pairsOf(header).map(({ name }) => name))].filter((name) => isLoginCookie(name, cookieName));
}

function isSessionCookie(name: string, cookieName: string): boolean {
  return name === cookieName || /^_\d+$/.test(name.slice(cookieName.length));
}

/** As oauth2-proxy looks for it: the whole cookie, else `_0`, `_1` and so on; of several with one name the first. */
function sessionOf(ours: readonly Pair[], cookieName: string): readonly Pair[] {
  const find = (name: string): Pair | undefined => ours.find((pair) => pair.name === name);
  const whole = find(cookieName);
  if (whole !== undefined) return [whole];
  const parts: Pair[] = [];
  for (let part = find(`${cookieName}_0`); part !== undefined; part = find(`${cookieName}_${parts.length}`)) {
    parts.push(part);
    if (parts.length > MAX_PARTS) break;
  }
  return parts;
}

function pairsOf(header: string): readonly Pair[] {
  return header
    .split(";")
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map(pairOf);
}

function pairOf(text: string): Pair {
  const equals = text.indexOf("=");
  return equals < 0
    ? { name: text, value: "", text }
    : { name: text.slice(0, equals).trim(), value: text.slice(equals + 1).trim(), text };
}

function headerOf(pairs: readonly Pair[]): string {
  return pairs.map(({ text }) => text).join("; ");
}

/** Written in one way only, so that one session is one text. */
function assignments(pairs: readonly Pair[]): string {
  return pairs.map(({ name, value }) => `${name}=${value}`).join("; ");
}
