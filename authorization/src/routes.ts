import type { IncomingMessage, ServerResponse } from "node:http";
import { decideAccess, REFUSAL_STATUS, type Decision, type RefusalReason } from "./access.ts";
import { LOGIN_ROUTES, SIGN_OUT_PATH, startPath } from "./login-front.ts";
import { sendProblem } from "./login-problems.ts";
import { errorPage, refusalBody, refusalPage } from "./pages.ts";
import { factsFromForwardAuth, wantsPage, type RequestFacts } from "./request-facts.ts";
import { send, sendJson, sendPage, sendRedirect, type Headers } from "./responses.ts";
import type { Answer, ServerDeps } from "./server-deps.ts";
import { upstreamHeaders } from "./upstream-headers.ts";

/** What traefik puts before the path of an upgrade request, so that nobody can name our own paths with one. */
export const WEBSOCKET_PREFIX = "/websocket";

/** Every path but `/error/{status}` and `/websocket/{path}`, which are patterns. openapi.yaml lists the same. */
export const ROUTES: Readonly<Record<string, Answer>> = {
  "/authorize": authorize,
  ...LOGIN_ROUTES,
  "/session-over": (_request, response, { config }) => sendJson(response, 401, refusalBody("NotSignedIn", config)),
  "/healthz": (_request, response) => sendJson(response, 200, { status: "ok" }),
  "/ready": ready,
  "/metrics": (_request, response, deps) => {
    updateGauges(deps);
    send(response, 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }, deps.metrics.render());
  },
};

/** Handles everything but upgrades. */
export async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  request.resume(); // no request has a body worth reading
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  if (path.startsWith(`${WEBSOCKET_PREFIX}/`)) return sendJson(response, 426, { error: "UpgradeRequired" });
  const answer = Object.hasOwn(ROUTES, path) ? ROUTES[path] : patternRoute(path);
  if (answer === undefined) return sendJson(response, 404, { error: "NotFound" });
  const allowed = path === SIGN_OUT_PATH ? ["GET", "HEAD", "POST"] : ["GET", "HEAD"];
  if (!allowed.includes(request.method ?? "")) {
    return sendJson(response, 405, { error: "MethodNotAllowed" }, { Allow: allowed.join(", ") });
  }
  return answer(request, response, deps);
}

/** Decides, and records it: log, metrics, activity. */
export async function decideAndRecord(facts: RequestFacts | undefined, deps: ServerDeps): Promise<Decision> {
  const decision: Decision =
    facts === undefined
      ? { kind: "Refuse", reason: "Malformed", identity: undefined }
      : await decideAccess(facts, deps);
  deps.decisions.record(facts, decision);
  deps.metrics.count("amalthea_authorization_decisions_total", {
    decision: decision.kind,
    reason: decision.kind === "Refuse" ? decision.reason : "Authorized",
  });
  if (decision.kind === "Allow" && facts !== undefined) deps.activity.note(facts);
  return decision;
}

async function authorize(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { headers } = request;
  const facts = factsFromForwardAuth(headers, deps.config.cookieName);
  const decision = await decideAndRecord(facts, deps);
  if (decision.kind === "Allow") {
    // traefik takes these headers over, and removes the client's where there is none
    const forwarded = upstreamHeaders(decision, facts?.cookiesForUpstream ?? "");
    return sendJson(response, 200, { decision: "Allow" }, forwarded);
  }
  const { reason, identity } = decision;
  if (reason === "NotSignedIn" && facts !== undefined && maySignIn(facts)) {
    return sendRedirect(response, startPath(deps.config.basePath, facts.target));
  }
  const status = REFUSAL_STATUS[reason];
  const challenge = challengeOf(reason);
  if (wantsPage(headers.accept)) {
    return sendPage(response, status, refusalPage(reason, identity, deps.config), challenge);
  }
  return sendJson(response, status, refusalBody(reason, deps.config), challenge);
}

/** What RFC 6750, 3, requires when a token is refused. A client without one is not asked for one. */
function challengeOf(reason: RefusalReason): Headers {
  return reason.startsWith("Token") ? { "WWW-Authenticate": 'Bearer error="invalid_token"' } : {};
}

/** A browser that asks for a page can be sent to the login; a script that asks for data cannot show it. */
function maySignIn({ kind, method }: RequestFacts): boolean {
  return kind === "Page" && (method === "GET" || method === "HEAD");
}

function patternRoute(path: string): Answer | undefined {
  if (path.startsWith("/oauth2/")) return (...exchange) => sendProblem(...exchange, "NotFound");
  const status = Number(/^\/error\/(5\d\d)$/.exec(path)?.[1]);
  if (Number.isNaN(status)) return undefined;
  return ({ headers }, response, { config }) => {
    const retry = { "Retry-After": "5" };
    if (wantsPage(headers.accept)) return sendPage(response, status, errorPage(status, config), retry);
    const message = "The server, or the login in front of it, is not answering.";
    return sendJson(response, status, { error: "NotAnswering", message }, retry);
  };
}

async function ready(_request: IncomingMessage, response: ServerResponse, { readiness }: ServerDeps): Promise<void> {
  const { jupyter, login } = await readiness();
  const told = (isReady: boolean): string => (isReady ? "Ready" : "NotAnswering");
  sendJson(response, jupyter && login ? 200 : 503, { jupyter: told(jupyter), login: told(login) });
}

function updateGauges({ metrics, sockets, policy }: ServerDeps): void {
  const { received, sent } = sockets.bytes();
  metrics.set("amalthea_authorization_websockets_open", sockets.size);
  metrics.set("amalthea_authorization_websocket_bytes_total", received, { direction: "received" });
  metrics.set("amalthea_authorization_websocket_bytes_total", sent, { direction: "sent" });
  metrics.set("amalthea_authorization_policy_valid", policy().kind === "Broken" ? 0 : 1);
}
