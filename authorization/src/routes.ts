import type { IncomingMessage, ServerResponse } from "node:http";
import { decideAccess, REFUSAL_STATUS, type Decision } from "./access.ts";
import type { AuthorizationConfig } from "./config.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Log } from "./log.ts";
import type { SessionSource } from "./login-service.ts";
import type { Metrics } from "./metrics.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { errorPage, loginFailedPage, REFUSAL_SENTENCES, refusalPage, signedOutPage } from "./pages.ts";
import type { Policy } from "./policy.ts";
import { isJupyterReady } from "./readiness.ts";
import { factsFromForwardAuth, wantsPage, type RequestFacts } from "./request-facts.ts";
import { send, sendJson, sendPage } from "./responses.ts";

/** What traefik puts before the path of an upgrade request, so that nobody can name our own paths with one. */
export const WEBSOCKET_PREFIX = "/websocket";

/** What the routes and the WebSocket hop work with. */
export type ServerDeps = {
  readonly config: AuthorizationConfig;
  readonly policy: () => Policy;
  readonly sessions: SessionSource;
  readonly sockets: OpenSockets;
  readonly metrics: Metrics;
  readonly decisions: DecisionLog;
  readonly activity: Activity;
  readonly log: Log;
};

/** When somebody was last let in. */
export class Activity {
  readonly #now: () => number;
  #lastRequestAt: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  get lastRequestAt(): Date | undefined {
    return this.#lastRequestAt === undefined ? undefined : new Date(this.#lastRequestAt);
  }

  touch(): void {
    this.#lastRequestAt = this.#now();
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse, deps: ServerDeps) => Promise<void> | void;

/** Every path but `/error/{status}` and `/websocket/{path}`, which are patterns. openapi.yaml lists the same. */
export const ROUTES: Readonly<Record<string, Answer>> = {
  "/authorize": authorize,
  "/signed-out": (_request, response, { config }) => sendPage(response, 200, signedOutPage(config)),
  "/login-failed": (_request, response, { config }) => sendPage(response, 500, loginFailedPage(config)),
  "/healthz": (_request, response) => sendJson(response, 200, { status: "ok" }),
  "/ready": ready,
  "/activity": (_request, response, deps) => sendJson(response, 200, activityReport(deps)),
  "/metrics": (_request, response, deps) => {
    updateGauges(deps);
    send(response, 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }, deps.metrics.render());
  },
};

/** Answers everything that is no upgrade. */
export async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  deps: ServerDeps,
): Promise<void> {
  request.resume(); // no request has a body worth reading
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  if (path.startsWith(`${WEBSOCKET_PREFIX}/`)) return sendJson(response, 426, { error: "UpgradeRequired" });
  const answer = Object.hasOwn(ROUTES, path) ? ROUTES[path] : errorRoute(path);
  if (answer === undefined) return sendJson(response, 404, { error: "NotFound" });
  if (request.method !== "GET" && request.method !== "HEAD") {
    return sendJson(response, 405, { error: "MethodNotAllowed" }, { Allow: "GET, HEAD" });
  }
  return answer(request, response, deps);
}

/** Decides and keeps the books: log, metrics, activity. */
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
  if (decision.kind === "Allow") deps.activity.touch();
  return decision;
}

async function authorize(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { headers } = request;
  const facts = factsFromForwardAuth(headers, deps.config.cookieName);
  const decision = await decideAndRecord(facts, deps);
  if (decision.kind === "Allow") {
    const cookies = facts?.cookiesForUpstream ?? "";
    // traefik takes this header over, and removes the client's when there is none
    return sendJson(response, 200, { decision: "Allow" }, cookies === "" ? {} : { Cookie: cookies });
  }
  const { reason, identity } = decision;
  const status = REFUSAL_STATUS[reason];
  if (wantsPage(headers.accept)) return sendPage(response, status, refusalPage(reason, identity, deps.config));
  return sendJson(response, status, { error: reason, message: REFUSAL_SENTENCES[reason] });
}

function errorRoute(path: string): Answer | undefined {
  const status = Number(/^\/error\/(5\d\d)$/.exec(path)?.[1]);
  if (Number.isNaN(status)) return undefined;
  return ({ headers }, response, { config }) => {
    const retry = { "Retry-After": "5" };
    if (wantsPage(headers.accept)) return sendPage(response, status, errorPage(status, config), retry);
    const message = "The server, or the login in front of it, is not answering.";
    return sendJson(response, status, { error: "NotAnswering", message }, retry);
  };
}

async function ready(_request: IncomingMessage, response: ServerResponse, { config }: ServerDeps): Promise<void> {
  const isReady = await isJupyterReady(config.jupyter, config.basePath);
  sendJson(response, isReady ? 200 : 503, { jupyter: isReady ? "Ready" : "NotAnswering" });
}

function activityReport({ activity, sockets }: ServerDeps): unknown {
  const { received, sent } = sockets.bytes();
  return {
    lastRequestTime: activity.lastRequestAt?.toISOString() ?? null,
    openWebSockets: sockets.size,
    webSocketBytesReceived: received,
    webSocketBytesSent: sent,
  };
}

function updateGauges({ metrics, sockets, policy }: ServerDeps): void {
  const { received, sent } = sockets.bytes();
  metrics.set("amalthea_authorization_websockets_open", sockets.size);
  metrics.set("amalthea_authorization_websocket_bytes_total", received, { direction: "received" });
  metrics.set("amalthea_authorization_websocket_bytes_total", sent, { direction: "sent" });
  metrics.set("amalthea_authorization_policy_valid", policy().kind === "Broken" ? 0 : 1);
}
