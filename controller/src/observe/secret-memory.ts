import type { Pod } from "kubernetes-types/core/v1.js";
import type { ObservedEvent, ObservedSecret } from "../decide/live/observed.ts";

type Knowledge = {
  readonly secret: ObservedSecret;
  readonly lookedAtMs: number;
  /** uid of the pod at the last look; undefined if there was none. */
  readonly podUid: string | undefined;
};

/**
 * Minimum time between two reads of a Secret that a pod reports as missing: the kubelet repeats itself, one read per
 * message is enough, and its own retries of a volume or an image wait about as long.
 */
const LOOK_AGAIN_MS = 10_000;

/**
 * What is known of each server's Secret. Secrets are never watched, so this becomes stale: it is dropped when the pod is
 * gone, so that the next start reads it again, and when a pod reports missing configuration.
 */
export class SecretMemory {
  readonly #known = new Map<string, Knowledge>();

  /** The knowledge that still holds. Times are monotonic milliseconds. */
  recall(serverUid: string, world: PodView, nowMs: number): ObservedSecret {
    const known = this.#known.get(serverUid);
    const isMissed = known !== undefined && lacksConfiguration(world) && nowMs - known.lookedAtMs >= LOOK_AGAIN_MS;
    return known === undefined || isMissed ? { kind: "Unknown" } : known.secret;
  }

  /** Records the server's current pod, undefined if none: after a replacement, the Secret is read again. */
  podSeen(serverUid: string, podUid: string | undefined): void {
    const known = this.#known.get(serverUid);
    if (known === undefined || known.podUid === podUid) return;
    if (known.podUid === undefined) this.#known.set(serverUid, { ...known, podUid });
    else this.#known.delete(serverUid);
  }

  /** Keeps what a read or a write of the Secret showed. */
  remember(serverUid: string, secret: ObservedSecret, podUid: string | undefined, nowMs: number): void {
    this.#known.set(serverUid, { secret, podUid, lookedAtMs: nowMs });
  }

  forget(serverUid: string): void {
    this.#known.delete(serverUid);
  }
}

/** The pod and what Events say about it: enough to see that a Secret may be missing. */
export type PodView = {
  readonly pod: Pod | undefined;
  readonly events: readonly ObservedEvent[];
};

/** Whether the kubelet cannot make the containers or the volumes, as it says when a Secret is missing. */
function lacksConfiguration({ pod, events }: PodView): boolean {
  const statuses = [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])];
  const isWaiting = statuses.some((status) => status.state?.waiting?.reason === "CreateContainerConfigError");
  const isUnready = statuses.length === 0 || statuses.some((status) => status.ready !== true);
  return isWaiting || (isUnready && events.some((event) => event.reason === "FailedMount"));
}
