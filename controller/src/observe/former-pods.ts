import type { Pod } from "kubernetes-types/core/v1.js";
import type { Live } from "@amalthea/kube";
import type { FormerPod } from "../decide/live/observed.ts";

/**
 * The last state of each server's previous pod: a pod that was evicted may be gone, and the next one there, before the
 * server is reconciled.
 */
export class FormerPods {
  readonly #byServer = new Map<string, FormerPod>();

  /** The pod of a server is gone; `last` is its last state. */
  gone(serverUid: string, { metadata, status = {} }: Live<Pod>): void {
    const { phase, reason, message, conditions, startTime } = status;
    const kept = { phase, reason, message, conditions, startTime };
    const { uid, annotations } = metadata;
    this.#byServer.set(serverUid, { metadata: { uid, annotations }, status: kept } as FormerPod); // undefined: absent
  }

  of(serverUid: string): FormerPod | undefined {
    return this.#byServer.get(serverUid);
  }

  /** The server is gone. */
  forget(serverUid: string): void {
    this.#byServer.delete(serverUid);
  }
}
