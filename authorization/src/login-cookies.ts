import type { IncomingMessage } from "node:http";
import { prefixOf } from "@amalthea/api";
import { loginCookieNames, splitCookies } from "./cookies.ts";
import type { LoginAnswer } from "./login-client.ts";
import type { ServerDeps } from "./server-deps.ts";

/** The cookies of a request, by whom they are for. */
export function cookiesOf({ headers }: IncomingMessage, cookieName: string): ReturnType<typeof splitCookies> {
  return splitCookies(headers.cookie ?? "", cookieName);
}

/** With the ticket of a session, as long as that may last. */
export function sessionCookie(ticket: string, { cookieName, basePath, sessionSeconds }: ServerDeps["config"]): string {
  const age = sessionSeconds === 0 ? "" : `; Max-Age=${Math.ceil(sessionSeconds)}`;
  return `${cookieName}=${ticket}; ${attributes(basePath)}${age}`;
}

/** What oauth2-proxy has set for itself. */
export function ownCookies(answer: LoginAnswer & { readonly kind: "Answered" }, cookieName: string): readonly string[] {
  return (answer.headers["set-cookie"] ?? []).filter((line) => line.startsWith(cookieName));
}

/** Says how often the provider has refused the scopes of this login. */
export function refusalsCookie(refusals: number, { cookieName, basePath }: ServerDeps["config"]): string {
  return `${refusalsName(cookieName)}=${refusals}; ${attributes(basePath)}; Max-Age=${REFUSALS_SECONDS}`;
}

function refusalsName(cookieName: string): string {
  return `${cookieName}_refused_scopes`;
}

/** As long as a login may take. */
const REFUSALS_SECONDS = 900;

/** The number of refusals; 0 for a login that was not refused. */
export function refusalsOf(login: string, cookieName: string): number {
  const found = login.split("; ").find((pair) => pair.startsWith(`${refusalsName(cookieName)}=`));
  return Number(found?.slice(found.indexOf("=") + 1) ?? 0) || 0;
}

function markName(cookieName: string): string {
  return `${cookieName}_signed_out`;
}

/** After a day the provider's own session has most likely expired. */
const MARK_SECONDS = 86_400;

/** Marks that somebody has signed out: the next sign-in must prompt for an account. */
export function mark({ cookieName, basePath }: ServerDeps["config"]): string {
  return `${markName(cookieName)}=1; ${attributes(basePath)}; Max-Age=${MARK_SECONDS}`;
}

/** Whether somebody has signed out, and nobody signed in since. */
export function isSignedOut(login: string, cookieName: string): boolean {
  return login.includes(markName(cookieName));
}

/** A login has succeeded: its cookies are removed. */
export function loginDone({ cookieName, basePath }: ServerDeps["config"]): readonly string[] {
  return [markName(cookieName), refusalsName(cookieName)].map((name) => removal(name, basePath));
}

function removal(name: string, basePath: string): string {
  return `${name}=; ${attributes(basePath)}; Max-Age=0`;
}

/** A browser removes a cookie only by the same path. */
const MAX_REMOVALS = 100;

/** Of all cookies of the login, also of those that another server has set for the paths above. */
export function removals(
  { headers }: IncomingMessage,
  { cookieName, basePath }: ServerDeps["config"],
): readonly string[] {
  const segments = prefixOf(basePath).split("/");
  const paths = segments.map((_segment, index) => segments.slice(0, segments.length - index).join("/"));
  return loginCookieNames(headers.cookie ?? "", cookieName)
    .flatMap((name) => paths.map((path) => removal(name, path)))
    .slice(0, MAX_REMOVALS);
}

/** As oauth2-proxy sets its own. */
function attributes(basePath: string): string {
  return `Path=${prefixOf(basePath)}/; HttpOnly; Secure; SameSite=Lax`;
}
