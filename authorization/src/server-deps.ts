import type { IncomingMessage, ServerResponse } from "node:http";
import type { AuthorizationConfig } from "./config.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Log } from "./log.ts";
import type { LoginLane } from "./login-client.ts";
import type { SessionSource } from "./login-service.ts";
import type { Metrics } from "./metrics.ts";
import type { OpenSockets } from "./open-sockets.ts";
import type { RequestFacts } from "./request-facts.ts";
import { isSafeMethod } from "./same-origin.ts";
import type { Policy } from "./policy.ts";
import type { Provider } from "./provider.ts";
import type { Readiness } from "./readiness.ts";
import type { LoginSessions } from "./session/login-sessions.ts";
import type { Sessions } from "./session/sessions.ts";

/** Dependencies of the routes and the WebSocket proxy. */
export type ServerDeps = {
  readonly config: AuthorizationConfig;
  readonly policy: () => Policy;
  readonly sessions: Sessions;
  /** Whose a token or session is. */
  readonly identities: SessionSource;
  /** For people who sign in. */
  readonly login: LoginLane;
  readonly loginSessions: LoginSessions;
  readonly provider: Provider;
  readonly sockets: OpenSockets;
  readonly metrics: Metrics;
  readonly decisions: DecisionLog;
  readonly activity: Activity;
  readonly readiness: () => Promise<Readiness>;
  readonly log: Log;
};

/** When somebody last used the server: opened a page, or changed something. Open tabs read data all the time. */
export class Activity {
  readonly #now: () => number;
  #lastUseAt: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Milliseconds of the wall clock; undefined before. */
  get lastUseAt(): number | undefined {
    return this.#lastUseAt;
  }

  /** Records an authorized request. */
  note({ kind, method }: Pick<RequestFacts, "kind" | "method">): void {
    const isUse = kind === "Page" || (kind === "Api" && !isSafeMethod(method));
    if (isUse) this.#lastUseAt = this.#now();
  }
}

/** Handles a request for one path. */
export type Answer = (request: IncomingMessage, response: ServerResponse, deps: ServerDeps) => Promise<void> | void;
