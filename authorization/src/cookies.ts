/** Cookies of one request, by whom they are for. Each is the value of a `Cookie` header, empty when there is none. */
export type SplitCookies = {
  /** The session's ticket. */
  readonly session: string;
  /** Those of a login in progress, and of one that ended with a sign-out. */
  readonly login: string;
  /** What Jupyter may see. */
  readonly rest: string;
  /** More than any browser has that only this server's login wrote to. */
  readonly isTooMuch: boolean;
};

/** Less than traefik accepts as request headers (32 KiB), so that people with more still get a page. */
const MAX_BYTES = 20_480;
/** Of one cookie, as browsers bound it. */
const MAX_COOKIE_BYTES = 4_096;
/** oauth2-proxy keeps 3 logins that were not finished, and the newest; the others are this server's marks. */
const MAX_LOGIN_COOKIES = 8;

/** What oauth2-proxy and we write into cookies: base64url, of oauth2-proxy in parts that are divided by bars. */
const OWN_VALUE = /^[\w.=|-]+$/;

type Pair = { readonly name: string; readonly value: string; readonly text: string };

/** Whether a cookie is the login's: the session's, or one of those that a login needs (`…_csrf` and others). */
export function isLoginCookie(name: string, cookieName: string): boolean {
  return name === cookieName || name.startsWith(`${cookieName}_`);
}

/** Divides a `Cookie` header into what the login needs and what Jupyter may see. Of two sessions the first counts. */
export function splitCookies(header: string, cookieName: string): SplitCookies {
  const pairs = pairsOf(header);
  const ours = oursOf(pairs, cookieName);
  const session = sessionOf(ours, cookieName);
  const login = ours.filter(({ name }) => name !== cookieName && !isPart(name, cookieName));
  const rest = pairs.filter(({ name }) => !isLoginCookie(name, cookieName));
  const isTooMuch =
    header.length > MAX_BYTES ||
    login.length > MAX_LOGIN_COOKIES ||
    ours.some(({ value }) => value.length > MAX_COOKIE_BYTES);
  return {
    session: isTooMuch ? "" : assignments(session),
    login: isTooMuch ? "" : assignments(login),
    rest: rest.map(({ text }) => text).join("; "),
    isTooMuch,
  };
}

/** The session that a sign-out ends, however many other cookies there are. */
export function sessionToEnd(header: string, cookieName: string): string {
  return assignments(sessionOf(oursOf(pairsOf(header), cookieName), cookieName));
}

function oursOf(pairs: readonly Pair[], cookieName: string): readonly Pair[] {
  return pairs.filter(({ name, value }) => isLoginCookie(name, cookieName) && OWN_VALUE.test(value));
}

function sessionOf(ours: readonly Pair[], cookieName: string): readonly Pair[] {
  return ours.filter(({ name }) => name === cookieName).slice(0, 1);
}

/** oauth2-proxy's own sessions have parts; a browser may have some that an earlier version gave it. */
function isPart(name: string, cookieName: string): boolean {
  return /^_\d+$/.test(name.slice(cookieName.length));
}

/** The names of the login's cookies in a header, each once. */
export function loginCookieNames(header: string, cookieName: string): readonly string[] {
  return [...new Set(pairsOf(header).map(({ name }) => name))].filter((name) => isLoginCookie(name, cookieName));
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

/** Written in one way only, so that one session is one text. */
function assignments(pairs: readonly Pair[]): string {
  return pairs.map(({ name, value }) => `${name}=${value}`).join("; ");
}
