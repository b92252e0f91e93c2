import { createServer, type IncomingMessage, type Server } from "node:http";
import { Socket } from "node:net";
import { REFUSAL_STATUS } from "./access.ts";
import { loggedUser } from "./decision-log.ts";
import { refusalBody } from "./pages.ts";
import { factsFromUpgrade } from "./request-facts.ts";
import { findUpstream } from "./request-path.ts";
import { sendJson } from "./responses.ts";
import { answerRequest, decideAndRecord, WEBSOCKET_PREFIX } from "./routes.ts";
import type { ServerDeps } from "./server-deps.ts";
import { upstreamHeaders } from "./upstream-headers.ts";
import { forwardUpgrade, refuseUpgrade } from "./web-socket-hop.ts";

/** More than traefik's `maxHeaderBytes`: what it accepts must not fail here. */
const MAX_HEADER_BYTES = 49_152;
/** traefik sends the headers at once; only a broken client takes longer. */
const HEAD_TIMEOUT_MS = 10_000;

/** Longer than traefik keeps idle connections (90 s), so that it never picks one that is just being closed. */
const KEEP_ALIVE_MS = 120_000;

/** Builds the HTTP server; the caller listens and closes. */
export function createAuthorizationServer(deps: ServerDeps): Server {
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: HEAD_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server = createServer(options, (request, response) => {
    answerRequest(request, response, deps).catch((error: unknown) => {
      deps.log.warn("request failed", { err: nameOf(error) });
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: "Internal" });
    });
  });
  server.on("upgrade", (request, socket, head: Buffer) => {
    if (!(socket instanceof Socket)) return void socket.destroy(); // the server speaks plain TCP only
    socket.on("error", () => socket.destroy());
    admitUpgrade(request, socket, head, deps).catch((error: unknown) => {
      deps.log.warn("upgrade failed", { err: nameOf(error) });
      refuseUpgrade(socket, 500, { error: "Internal" });
    });
  });
  return server;
}

async function admitUpgrade(request: IncomingMessage, client: Socket, head: Buffer, deps: ServerDeps): Promise<void> {
  const target = upgradeTarget(request);
  if (target === undefined) return refuseUpgrade(client, 400, { error: "Malformed" });
  const facts = factsFromUpgrade(request.headers, target, deps.config.cookieName);
  const decision = await decideAndRecord(facts, deps);
  if (decision.kind === "Refuse" || facts === undefined) {
    const reason = decision.kind === "Refuse" ? decision.reason : "Malformed";
    return refuseUpgrade(client, REFUSAL_STATUS[reason], refusalBody(reason, deps.config));
  }
  const upstream = findUpstream(target, deps.config.upstreams);
  if (upstream === undefined) return refuseUpgrade(client, 404, { error: "NotFound" });
  if (client.destroyed) return; // it left while we asked
  const { identity, tokenExpiresAt: endsAt } = decision;
  const headers = upstreamHeaders(decision, facts.cookiesForUpstream);
  const upgrade = { request, client, head, facts, identity, headers, upstream, endsAt };
  forwardUpgrade(upgrade, deps.sockets, (reason) => {
    deps.metrics.count("amalthea_authorization_websockets_closed_total", { reason });
    const level = reason === "Closed" ? "debug" : "info";
    deps.log[level]("websocket closed", { reason, user: loggedUser(identity) });
  });
}

/** The target as the person sent it, or `undefined` for anything but a WebSocket handshake without a body. */
function upgradeTarget({ method, url = "", headers }: IncomingMessage): string | undefined {
  const isHandshake = method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0;
  if (!isHandshake || hasBody || !url.startsWith(`${WEBSOCKET_PREFIX}/`)) return undefined;
  return url.slice(WEBSOCKET_PREFIX.length);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
