import type { IncomingMessage, ServerResponse } from "node:http";
import type { AuthorizationConfig } from "./config.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Log } from "./log.ts";
import type { LoginLane } from "./login-client.ts";
import type { Metrics } from "./metrics.ts";
import type { OpenSockets } from "./open-sockets.ts";
import type { Policy } from "./policy.ts";
import type { Provider } from "./provider.ts";
import type { LoginSessions } from "./session/login-sessions.ts";
import type { Sessions } from "./session/sessions.ts";

/** What the routes and the WebSocket hop work with. */
export type ServerDeps = {
  readonly config: AuthorizationConfig;
  readonly policy: () => Policy;
  readonly sessions: Sessions;
  /** For people who sign in. */
  readonly login: LoginLane;
  readonly loginSessions: LoginSessions;
  readonly provider: Provider;
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

/** Answers a request for one path. */
export type Answer = (request: IncomingMessage, response: ServerResponse, deps: ServerDeps) => Promise<void> | void;
