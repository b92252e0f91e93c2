import type { IncomingMessage, ServerResponse } from "node:http";
import { prefixOf } from "@amalthea/api";
import { loginCookieNames, sessionToEnd, splitCookies } from "./cookies.ts";
import { loggedUser } from "./decision-log.ts";
import type { LoginAnswer } from "./login-client.ts";
import { errorPage, problemPage, signedOutPage, signOutPage, type SignInProblem } from "./pages.ts";
import { endSessionAddress, promptForAccount } from "./provider-urls.ts";
import { wantsPage } from "./request-facts.ts";
import { loginPath } from "./request-path.ts";
import { sendJson, sendPage, sendRedirect, type Headers } from "./responses.ts";
import { returnTarget } from "./return-target.ts";
import { originRefusal } from "./same-origin.ts";
import { MAX_REFUSALS, scopesToAskFor } from "./scopes.ts";
import type { Answer, ServerDeps } from "./server-deps.ts";
import type { KeptSession } from "./session/kept-session.ts";
import { loginSessionOf } from "./session/login-sessions.ts";
import { sessionId } from "./session/ticket.ts";

/**
 * Everything below `oauth2/`, which people reach through traefik. oauth2-proxy does the protocol behind it, and nothing
 * of its own pages is shown.
 */
export const LOGIN_ROUTES: Readonly<Record<string, Answer>> = {
  "/oauth2/start": start,
  "/oauth2/sign_in": start, // the name of 0.24's clients
  "/oauth2/callback": callback,
  "/oauth2/sign_out": signOut,
  "/oauth2/signed-out": (_request, response, { config }) => sendPage(response, 200, signedOutPage(config)),
  "/oauth2/userinfo": userInfo,
  "/oauth2/auth": userInfo,
};

/** The only route that takes more than GET and HEAD. */
export const SIGN_OUT_PATH = "/oauth2/sign_out";

/** Where a browser that has no session begins to sign in. @param target What it asked for. */
export function startPath(basePath: string, target: string): string {
  return startAt(basePath, returnTarget(target, basePath));
}

function startAt(basePath: string, target: string): string {
  return loginPath(basePath, `start?rd=${encodeURIComponent(target)}`);
}

/** What people are told when they come to a path of the login that is none. */
export function answerUnknownLoginPath(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): void {
  sendProblem(request, response, deps, "NotFound");
}

async function start(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { config } = deps;
  const query = queryOf(request);
  const target = returnTarget(query.get("rd") ?? "", config.basePath);
  const { login } = cookiesOf(request, config.cookieName);
  const isAnother = query.get("account") === "other" || login.includes(markName(config.cookieName));
  const [answer, metadata] = await Promise.all([
    deps.login.get(startAt(config.basePath, target), loginHeaders(login)),
    deps.provider.metadata(),
  ]);
  const location = redirectOf(answer);
  if (answer.kind === "Unreachable" || location === undefined) return sendUnanswered(request, response, deps, answer);
  const address = new URL(location);
  const { optionalScopes } = config.provider;
  const scope = address.searchParams.get("scope") ?? "";
  const refusals = refusalsOf(login, config.cookieName);
  address.searchParams.set("scope", scopesToAskFor(scope, optionalScopes, metadata?.scopes, refusals));
  if (isAnother) address.searchParams.set("prompt", promptForAccount(metadata, config.provider.issuerUrl));
  sendRedirect(response, address.href, { "Set-Cookie": ownCookies(answer, config.cookieName) });
}

async function callback(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { config } = deps;
  const query = queryOf(request);
  const { login } = cookiesOf(request, config.cookieName);
  const refusal = query.get("error");
  if (refusal === "invalid_scope" && mayAskForLess(login, config)) return askForLess(query, login, response, config);
  if (refusal !== null) return sendProblem(request, response, deps, problemOf(refusal));
  if (!login.includes("_csrf=")) return sendProblem(request, response, deps, "Stale");
  const path = loginPath(config.basePath, `callback?${query.toString()}`);
  const answer = await deps.login.get(path, loginHeaders(login));
  if (answer.kind === "Unreachable") return sendUnanswered(request, response, deps, answer);
  const location = redirectOf(answer);
  if (location === undefined) return sendProblem(request, response, deps, problemOfAnswer(answer.status, answer.body));
  const ticket = await beginSession(answer, deps);
  if (ticket === undefined) return sendProblem(request, response, deps, "Failed");
  const done = [markName(config.cookieName), refusalsName(config.cookieName)];
  const cookies = [
    sessionCookie(ticket, config),
    ...ownCookies(answer, config.cookieName).filter((line) => loginSessionOf([line], config.cookieName) === undefined),
    ...done.map((name) => removal(name, config.basePath)),
  ];
  sendRedirect(response, returnTarget(location, config.basePath), { "Set-Cookie": cookies });
}

/** Keeps the session that oauth2-proxy has made. @returns The ticket for it; undefined if it cannot be read. */
async function beginSession(
  { headers }: LoginAnswer & { readonly kind: "Answered" },
  { config, loginSessions, sessions }: ServerDeps,
): Promise<string | undefined> {
  const cookie = loginSessionOf(headers["set-cookie"] ?? [], config.cookieName);
  const reading = cookie === undefined ? undefined : await loginSessions.read(cookie);
  return reading?.kind === "Valid" ? sessions.begin(reading.cookie, reading.identity) : undefined;
}

function sessionCookie(ticket: string, { cookieName, basePath, sessionSeconds }: ServerDeps["config"]): string {
  const age = sessionSeconds === 0 ? "" : `; Max-Age=${Math.ceil(sessionSeconds)}`;
  return `${cookieName}=${ticket}; ${attributes(basePath)}${age}`;
}

/** Whether a login that the provider refused for its scopes is worth another attempt. */
function mayAskForLess(login: string, { cookieName, provider }: ServerDeps["config"]): boolean {
  const isOptional = provider.optionalScopes.length > 0;
  return isOptional && login.includes("_csrf=") && refusalsOf(login, cookieName) < MAX_REFUSALS;
}

/** Begins the login again. */
function askForLess(
  query: URLSearchParams,
  login: string,
  response: ServerResponse,
  { cookieName, basePath }: ServerDeps["config"],
): void {
  const refusals = refusalsOf(login, cookieName) + 1;
  const cookie = `${refusalsName(cookieName)}=${refusals}; ${attributes(basePath)}; Max-Age=${REFUSALS_SECONDS}`;
  sendRedirect(response, startPath(basePath, targetIn(query.get("state") ?? "")), { "Set-Cookie": [cookie] });
}

/** Where a login would have returned to, as oauth2-proxy has written it into `state`: behind a colon, and encoded. */
function targetIn(state: string): string {
  try {
    return decodeURIComponent(state.slice(state.indexOf(":") + 1));
  } catch {
    return "";
  }
}

/** A cookie that says how often the provider has refused the scopes of this login. */
function refusalsName(cookieName: string): string {
  return `${cookieName}_refused_scopes`;
}

/** As long as a login may take. */
const REFUSALS_SECONDS = 900;

function refusalsOf(login: string, cookieName: string): number {
  const found = login.split("; ").find((pair) => pair.startsWith(`${refusalsName(cookieName)}=`));
  return Number(found?.slice(found.indexOf("=") + 1) ?? 0) || 0;
}

/**
 * Signs out: the cookies go, a copy of them is worth nothing any more, and the next sign-in asks for an account.
 * A request that another site may have caused is asked back first.
 */
async function signOut(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { config, sessions, sockets, log } = deps;
  const facts = originFactsOf(request);
  if (request.method === "POST" && originRefusal(facts, config.origins) !== undefined) {
    return sendProblem(request, response, deps, "ForeignSignOut");
  }
  if (request.method !== "POST" && isForeign(request)) return sendPage(response, 200, signOutPage(config), SAME_ORIGIN);
  const cookie = sessionToEnd(request.headers.cookie ?? "", config.cookieName);
  const id = sessionId(cookie);
  if (id !== undefined) sockets.cutSession(id, "SignedOut");
  const ended = await sessions.end({ cookie });
  if (ended !== undefined) log.info("signed out", { user: loggedUser(ended.identity) });
  const cookies = [...removals(request, config), mark(config)];
  sendRedirect(response, await afterSignOut(ended, deps), { "Set-Cookie": cookies });
}

/** To our page, by way of the provider if its session is to end as well. */
async function afterSignOut(
  ended: KeptSession | undefined,
  { config, provider, loginSessions }: ServerDeps,
): Promise<string> {
  const signedOut = loginPath(config.basePath, "signed-out");
  const clientId = config.provider.endSessionsAs;
  const [origin] = config.origins;
  if (ended === undefined || clientId === undefined || origin === undefined) return signedOut;
  const [metadata, idToken] = await Promise.all([provider.metadata(), loginSessions.idToken(ended.cookie)]);
  const endpoint = metadata?.endSessionUrl;
  return endpoint === undefined
    ? signedOut
    : endSessionAddress(endpoint, { clientId, idToken, returnTo: `${origin}${signedOut}` });
}

/** Says whose session it is, in the form of oauth2-proxy. */
async function userInfo(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { session: cookie } = cookiesOf(request, deps.config.cookieName);
  const authorization = request.headers.authorization ?? "";
  const hasCredentials = cookie !== "" || authorization !== "";
  const answer = hasCredentials ? await deps.identities.ask({ cookie, authorization }) : undefined;
  if (answer?.kind === "Unreachable") return sendUnanswered(request, response, deps, answer);
  if (answer?.kind !== "SignedIn") return sendProblem(request, response, deps, "NotSignedIn");
  const { userId: user, email, groups } = answer.identity;
  sendJson(response, 200, { user, email, groups });
}

/** The page with which a sign-out is confirmed sends where it comes from, or its own form would be refused. */
const SAME_ORIGIN: Headers = { "Referrer-Policy": "same-origin" };

/** Browsers say with each request what caused it; those that do not, send at least its address. */
function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { referer } = headers;
  return referer !== undefined && URL.parse(referer)?.host !== headers["x-forwarded-host"];
}

function originFactsOf({ method = "", headers }: IncomingMessage): Parameters<typeof originRefusal>[0] {
  const site = headers["sec-fetch-site"];
  return {
    method,
    isUpgrade: false,
    host: String(headers["x-forwarded-host"] ?? headers.host ?? ""),
    origin: headers.origin,
    fetchSite: typeof site === "string" ? site : undefined,
  };
}

function sendProblem(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { config, log }: ServerDeps,
  problem: SignInProblem,
): void {
  const { status, page, sentence } = problemPage(problem, config);
  if (status !== 401 && status !== 404) log.info("sign-in failed", { reason: problem });
  if (wantsPage(headers.accept)) sendPage(response, status, page);
  else sendJson(response, status, { error: problem, message: sentence });
}

function sendUnanswered(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { config, log }: ServerDeps,
  answer: LoginAnswer | { readonly kind: "Unreachable"; readonly problem: string },
): void {
  const reason = answer.kind === "Unreachable" ? answer.problem : `oauth2-proxy answered ${answer.status}`;
  log.warn("login service failed", { reason });
  const retry = { "Retry-After": "5" };
  if (wantsPage(headers.accept)) return sendPage(response, 503, errorPage(503, config), retry);
  const message = "The login of this server is not answering.";
  sendJson(response, 503, { error: "LoginServiceUnavailable", message }, retry);
}

/** What a provider may say instead of sending a code (RFC 6749, 4.1.2.1, and OpenID Connect Core, 3.1.2.6). */
function problemOf(error: string): SignInProblem {
  switch (error) {
    case "invalid_scope":
      return "UnknownScope";
    case "access_denied":
    case "consent_required":
      return "Denied";
    case "login_required":
    case "interaction_required":
    case "account_selection_required":
      return "Stale";
    case "server_error":
    case "temporarily_unavailable":
      return "ProviderUnavailable";
    case "unauthorized_client":
    case "invalid_request":
    case "unsupported_response_type":
      return "ClientRefused";
    default:
      return "Failed";
  }
}

/** Why oauth2-proxy did not accept what the provider said; its own page has no more than this. */
function problemOfAnswer(status: number, body: string): SignInProblem {
  if (status !== 403) return "Failed";
  return body.includes("CSRF token") ? "Stale" : "NotAccepted";
}

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark));
}

function cookiesOf({ headers }: IncomingMessage, cookieName: string): ReturnType<typeof splitCookies> {
  return splitCookies(headers.cookie ?? "", cookieName);
}

function loginHeaders(cookies: string): Readonly<Record<string, string>> {
  return { Accept: "text/html", ...(cookies === "" ? {} : { Cookie: cookies }) };
}

function redirectOf(answer: LoginAnswer): string | undefined {
  return answer.kind === "Answered" && answer.status === 302 ? answer.headers.location : undefined;
}

function ownCookies(answer: LoginAnswer & { readonly kind: "Answered" }, cookieName: string): readonly string[] {
  return (answer.headers["set-cookie"] ?? []).filter((line) => line.startsWith(cookieName));
}

/** A cookie that says that somebody has signed out: whoever comes next has to say who they are. */
function markName(cookieName: string): string {
  return `${cookieName}_signed_out`;
}

/** After a day the provider has most likely forgotten who it was. */
const MARK_SECONDS = 86_400;

function mark({ cookieName, basePath }: ServerDeps["config"]): string {
  return `${markName(cookieName)}=1; ${attributes(basePath)}; Max-Age=${MARK_SECONDS}`;
}

function removal(name: string, basePath: string): string {
  return `${name}=; ${attributes(basePath)}; Max-Age=0`;
}

/** A browser removes a cookie that has the same path alone. */
const MAX_REMOVALS = 100;

/** Of all cookies of the login, also of those that another server has set for the paths above. */
function removals({ headers }: IncomingMessage, { cookieName, basePath }: ServerDeps["config"]): readonly string[] {
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
