import { routeNeeds, tlsGraceEndsInMs } from "../decide/live/routes.ts";
import type { PolicySettings } from "../decide/policy/policy-settings.ts";
import { earliest } from "../decide/values/time.ts";
import { childrenOf, observeServer } from "../observe/observe-server.ts";
import { WholeServer } from "../observe/whole-server.ts";
import type { Memories } from "./memories.ts";
import type { ReconcilerParts } from "./parts.ts";
import type { ReconcileDeps } from "./reconcile.ts";

export type ServerObserverOptions = Pick<ReconcilerParts, "client" | "caches" | "clock" | "isClockAhead"> & {
  readonly memories: Memories;
  readonly policy: PolicySettings;
};

/**
 * Creates the observer of one server, which a reconcile may call several times. What no cache has is requested on the
 * side; its arrival enqueues the server.
 *
 * @returns A function that returns undefined if there is no such server. @throws ApiError
 */
export function serverObserver(options: ServerObserverOptions): ReconcileDeps["observe"] {
  const { caches, client, clock, isClockAhead, memories, policy } = options;
  const { failures, tlsSecrets, credentials } = memories;
  const whole = new WholeServer(caches, client);
  const startMs = clock.monotonicMs();
  return async (key, signal) => {
    const server = await whole.read(key, signal);
    if (server === undefined) return undefined;
    const { uid, namespace } = server.metadata;
    const [now, nowMs] = [clock.now(), clock.monotonicMs()];
    const children = childrenOf(server, caches);
    const needs = routeNeeds(server, children, now);
    const observed = observeServer(
      { server, children, needs },
      { caches, memories, policy },
      { nowMs, isClockAhead: isClockAhead() },
    );
    credentials.refresh(server, observed.pod);
    tlsSecrets.refresh(server, needs.tlsSecrets);
    const dueInMs = earliest(
      failures.nextRetryMs(uid, startMs, nowMs),
      credentials.nextRefreshMs(server, observed.pod),
      tlsSecrets.nextRefreshMs(namespace, needs.tlsSecrets),
      tlsGraceEndsInMs(server, children, now),
    );
    return { observed, dueInMs };
  };
}
