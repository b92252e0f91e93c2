import type { IncomingMessage, ServerResponse } from "node:http";
import type { LoginAnswer } from "./login-client.ts";
import {
  cookiesOf,
  isSignedOut,
  loginDone,
  ownCookies,
  refusalsCookie,
  refusalsOf,
  sessionCookie,
} from "./login-cookies.ts";
import { problemOf, problemOfAnswer, sendProblem, sendUnanswered } from "./login-problems.ts";
import { signedOutPage } from "./pages.ts";
import { promptForAccount } from "./provider-urls.ts";
import { loginPath } from "./request-path.ts";
import { sendJson, sendPage, sendRedirect } from "./responses.ts";
import { returnTarget } from "./return-target.ts";
import { MAX_REFUSALS, scopesToAskFor } from "./scopes.ts";
import type { Answer, ServerDeps } from "./server-deps.ts";
import { loginSessionOf } from "./session/login-sessions.ts";
import { signOut } from "./sign-out.ts";

/**
 * Everything below `oauth2/`, which people reach through traefik. oauth2-proxy handles the protocol behind it, and none
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

/** Where a browser without a session begins to sign in. @param target What it requested. */
export function startPath(basePath: string, target: string): string {
  return startAt(basePath, returnTarget(target, basePath));
}

function startAt(basePath: string, target: string): string {
  return loginPath(basePath, `start?rd=${encodeURIComponent(target)}`);
}

async function start(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { config } = deps;
  const query = queryOf(request);
  const target = returnTarget(query.get("rd") ?? "", config.basePath);
  const { login } = cookiesOf(request, config.cookieName);
  const isAnother = query.get("account") === "other" || isSignedOut(login, config.cookieName);
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
  if (refusal !== null) {
    return sendProblem(request, response, deps, problemOf(refusal, query.get("error_description")));
  }
  if (!login.includes("_csrf=")) return sendProblem(request, response, deps, "Stale");
  const path = loginPath(config.basePath, `callback?${query.toString()}`);
  const answer = await deps.login.get(path, loginHeaders(login));
  if (answer.kind === "Unreachable") return sendUnanswered(request, response, deps, answer);
  const location = redirectOf(answer);
  if (location === undefined) return sendProblem(request, response, deps, problemOfAnswer(answer.status, answer.body));
  const ticket = await beginSession(answer, deps);
  if (ticket === undefined) return sendProblem(request, response, deps, "Failed");
  const cookies = [
    sessionCookie(ticket, config),
    ...ownCookies(answer, config.cookieName).filter((line) => loginSessionOf([line], config.cookieName) === undefined),
    ...loginDone(config),
  ];
  sendRedirect(response, returnTarget(location, config.basePath), { "Set-Cookie": cookies });
}

/** Stores the session that oauth2-proxy has created. @returns The ticket for it; undefined if it cannot be read. */
async function beginSession(
  { headers }: LoginAnswer & { readonly kind: "Answered" },
  { config, loginSessions, sessions }: ServerDeps,
): Promise<string | undefined> {
  const cookie = loginSessionOf(headers["set-cookie"] ?? [], config.cookieName);
  const reading = cookie === undefined ? undefined : await loginSessions.read(cookie);
  return reading?.kind === "Valid" ? sessions.begin(reading.cookie, reading.identity) : undefined;
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
  config: ServerDeps["config"],
): void {
  const cookie = refusalsCookie(refusalsOf(login, config.cookieName) + 1, config);
  sendRedirect(response, startPath(config.basePath, targetIn(query.get("state") ?? "")), { "Set-Cookie": [cookie] });
}

/** Where a login would have returned to, as oauth2-proxy has written it into `state`: behind a colon, and encoded. */
function targetIn(state: string): string {
  try {
    return decodeURIComponent(state.slice(state.indexOf(":") + 1));
  } catch {
    return "";
  }
}

/** Responds with the session's owner, in oauth2-proxy's form. */
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

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark));
}

function loginHeaders(cookies: string): Readonly<Record<string, string>> {
  return { Accept: "text/html", ...(cookies === "" ? {} : { Cookie: cookies }) };
}

function redirectOf(answer: LoginAnswer): string | undefined {
  return answer.kind === "Answered" && answer.status === 302 ? answer.headers.location : undefined;
}
