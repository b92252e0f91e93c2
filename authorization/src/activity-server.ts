import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ActivityReport } from "@amalthea/api";
import type { AuthorizationConfig } from "./config.ts";
import { readJupyterActivity, type JupyterActivity } from "./jupyter-activity.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { sendJson } from "./responses.ts";
import type { Activity } from "./server-deps.ts";
import type { Sessions } from "./session/sessions.ts";

/** The only path that is served. */
const PATH = "/activity";

/** One controller polls, now and then; any other client of the port gets no more than this. */
const LIMITS = { connections: 16, headerBytes: 4_096, headTimeoutMs: 5_000 } as const;

/** What the answers are made from. */
export type ActivitySources = {
  readonly config: Pick<AuthorizationConfig, "jupyter" | "basePath">;
  readonly sockets: Pick<OpenSockets, "size">;
  readonly activity: Pick<Activity, "lastUseAt">;
  readonly sessions: Pick<Sessions, "areRenewed">;
  readonly now: () => number;
};

/**
 * A server for a separate port, which is reachable from outside the pod: it reports to clients with the key how the
 * server is used, and whether its sessions are renewed. Without the key nothing is revealed, and Jupyter is not queried.
 *
 * @param key From the server's Secret.
 */
export function createActivityServer(key: string, sources: ActivitySources): Server {
  const options = {
    maxHeaderSize: LIMITS.headerBytes,
    headersTimeout: LIMITS.headTimeoutMs,
    requestTimeout: LIMITS.headTimeoutMs,
    connectionsCheckingInterval: 1_000,
  };
  const jupyter = shared(() => readJupyterActivity(sources.config.jupyter, sources.config.basePath, sources.now));
  const server = createServer(options, (request, response) => {
    request.resume();
    response.setHeader("Connection", "close");
    void answer(request, response, key, jupyter, sources);
  });
  server.maxConnections = LIMITS.connections;
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  jupyter: () => Promise<JupyterActivity | undefined>,
  sources: ActivitySources,
): Promise<void> {
  if (!presentsKey(request.headers.authorization, key)) {
    return sendJson(response, 401, { error: "KeyRequired" }, { "WWW-Authenticate": "Bearer" });
  }
  if (request.url !== PATH) return sendJson(response, 404, { error: "NotFound" });
  if (request.method !== "GET") return sendJson(response, 405, { error: "MethodNotAllowed" }, { Allow: "GET" });
  const found = await jupyter();
  if (found === undefined) return sendJson(response, 503, { error: "JupyterNotAnswering" });
  const { lastUseAt } = sources.activity;
  const quiet = lastUseAt === undefined ? {} : { quietSeconds: Math.max(0, (sources.now() - lastUseAt) / 1000) };
  const { areRenewed } = sources.sessions;
  const renewal = areRenewed === undefined ? {} : { sessionsRenewed: areRenewed };
  const report: ActivityReport = { ...found, proxy: { openWebSockets: sources.sockets.size, ...quiet, ...renewal } };
  sendJson(response, 200, report);
}

/** Compares in constant time. */
function presentsKey(authorization: string | undefined, key: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(key));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Concurrent requests share one result. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | undefined;
  return () => (asking ??= ask().finally(() => (asking = undefined)));
}
