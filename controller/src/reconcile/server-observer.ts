import type { Clock, KubeClient, ObjectKey } from "@amalthea/kube";
import { routeNeeds, tlsGraceEndsInMs } from "../decide/live/routes.ts";
import type { PolicySettings } from "../decide/policy/policy-settings.ts";
import { earliest } from "../decide/values/time.ts";
import type { Caches } from "../observe/caches.ts";
import { childrenOf, observeServer } from "../observe/observe-server.ts";
import { WholeServer } from "../observe/whole-server.ts";
import type { Memories } from "./memories.ts";
import type { Observation } from "./reconcile.ts";

export type ServerObserverOptions = {
  readonly client: Pick<KubeClient, "find">;
  readonly caches: Caches;
  readonly memories: Memories;
  readonly policy: PolicySettings;
  readonly clock: Clock;
  /** Whether our clock is ahead of the API server's: limits would be enforced too early. */
  readonly isClockAhead: () => boolean;
};

/** Reads what is known of one server, for one reconcile. */
export class ServerObserver {
  readonly #options: ServerObserverOptions;
  readonly #whole: WholeServer;
  readonly #startMs: number;

  constructor(options: ServerObserverOptions) {
    const { caches, client, clock } = options;
    this.#options = options;
    this.#whole = new WholeServer(caches, client);
    this.#startMs = clock.monotonicMs();
  }

  /**
   * What no cache has is asked for by the way, and comes as news of the server.
   * @returns undefined if there is no such server. @throws ApiError
   */
  async observe(key: ObjectKey, signal: AbortSignal): Promise<Observation | undefined> {
    const { caches, clock, isClockAhead, memories, policy } = this.#options;
    const { failures, tlsSecrets, tokens } = memories;
    const server = await this.#whole.read(key, signal);
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
    tokens.look(server, observed.pod);
    tlsSecrets.look(server.metadata, needs.tlsSecrets);
    const dueInMs = earliest(
      failures.nextRetryMs(uid, this.#startMs, nowMs),
      tokens.nextLookMs(server, observed.pod),
      tlsSecrets.nextLookMs(namespace, needs.tlsSecrets),
      tlsGraceEndsInMs(server, children, now),
    );
    return { observed, dueInMs };
  }
}
