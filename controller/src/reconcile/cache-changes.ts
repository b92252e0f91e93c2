import type { JupyterServer } from "@amalthea/api";
import {
  keyOf,
  type Kind,
  type KubeObject,
  type Lane,
  type Live,
  type ObjectKey,
  type StoreChange,
} from "@amalthea/kube";
import type { Pod, ResourceQuota } from "kubernetes-types/core/v1.js";
import { withReadableStatus } from "../decide/effective-server.ts";
import { resizeResultBetween } from "../decide/live/resize-result.ts";
import { controllerOf } from "../decide/values/controller.ts";
import { byAge } from "../decide/values/time.ts";
import { SERVER_KIND } from "../kinds.ts";
import { asServer } from "../observe/caches.ts";
import { podOf } from "../observe/observe-server.ts";
import { parentUids } from "../observe/owner.ts";
import { servedRoutesOf } from "../observe/served-route.ts";
import { laneOf } from "./lane.ts";
import type { Memories } from "./memories.ts";
import type { ReconcilerParts } from "./parts.ts";

export type CacheChangesOptions = Pick<ReconcilerParts, "caches" | "metrics" | "clock"> & {
  readonly memories: Memories;
  readonly enqueue: (key: ObjectKey, lane: Lane) => void;
  /** A server is gone. */
  readonly onRemoved: (server: JupyterServer) => void;
  /** Whether this process leads. */
  readonly isLeader: () => boolean;
  /** Servers that may be in one namespace; 0: any number. */
  readonly serversPerNamespace: number;
};

/**
 * Servers that are enqueued when a quota has room: a thousand waiting ones must not all write whenever a pod is created
 * or deleted.
 */
const MOST_WOKEN = 10;

/** Handles changes in the caches: enqueues the servers concerned, and keeps the memories up to date. */
export class CacheChanges {
  readonly #options: CacheChangesOptions;

  constructor(options: CacheChangesOptions) {
    this.#options = options;
  }

  /** From now on, every change. */
  follow(): void {
    const { caches, enqueue, memories } = this.#options;
    caches.subscribe((key, { initial }) => enqueue(key, laneOf(caches.server(key), initial)));
    caches.servers.store.subscribe((change) => this.#serverChanged(change));
    caches.quotas.store.subscribe((change) => this.#quotaChanged(change));
    // Before the reconcile that the pod's news leads to.
    caches.pods.store.subscribe((change) => this.#podChanged(change));
    for (const { store } of caches.owned) {
      store.subscribe((change) => {
        this.#servedChanged(store.kind, change);
        this.#makeRoom(change);
        if (change.current === undefined) memories.applies.forget(change.previous?.metadata.uid ?? "");
      });
    }
  }

  #serverChanged({ key, previous, current, initial }: StoreChange<KubeObject>): void {
    const { memories, onRemoved } = this.#options;
    this.#enqueueAll(memories.routes.update(key, asServer(current)), initial);
    if (previous === undefined || current !== undefined) return;
    this.#admitNext(previous.metadata.namespace ?? "", initial);
    memories.forget(previous.metadata.uid);
    const server = asServer(previous);
    if (server !== undefined) onRemoved(server);
  }

  /** A server of the namespace is gone: where their number is limited, the next one has room now. */
  #admitNext(namespace: string, initial: boolean): void {
    const { caches, enqueue, serversPerNamespace } = this.#options;
    if (serversPerNamespace === 0) return;
    const next = caches.ages.keyAt(namespace, serversPerNamespace - 1);
    if (next !== undefined) enqueue(next, initial ? "Low" : "Normal"); // a write for each child
  }

  /** Enqueues servers that wait for a route when its holder changes. */
  #servedChanged(kind: Kind, { previous, current, initial }: StoreChange<KubeObject>): void {
    const uid = (current ?? previous)?.metadata.uid ?? "";
    const served = current === undefined ? undefined : servedRoutesOf(kind, current);
    this.#enqueueAll(this.#options.memories.routes.updateServed(uid, served), initial);
  }

  /** @param keys Of the route index: keys of servers went in, so they come out. */
  #enqueueAll(keys: Iterable<string>, initial: boolean): void {
    for (const key of keys) this.#options.enqueue(key as ObjectKey, initial ? "Low" : "Urgent");
  }

  /** The last object of an earlier server of the same name is gone: the current one has waited for it. */
  #makeRoom({ previous, current }: StoreChange<KubeObject>): void {
    const { caches, enqueue, memories } = this.#options;
    const owner = previous === undefined ? undefined : controllerOf(previous);
    if (previous === undefined || current !== undefined || owner?.kind !== SERVER_KIND.kind) return;
    const key = `${previous.metadata.namespace}/${owner.name}` as ObjectKey;
    const server = caches.server(key);
    if (server === undefined || server.metadata.uid === owner.uid) return;
    if (memories.failures.release(server.metadata.uid)) enqueue(key, "Urgent");
  }

  /** The oldest of those that wait for room in a quota retry at once; the others when they are due. */
  #quotaChanged(change: StoreChange<ResourceQuota>): void {
    const { caches, clock, enqueue, memories } = this.#options;
    const namespace = memories.quotas.changed(change, clock.now());
    if (namespace === undefined) return;
    const { failures } = memories;
    const waiting = caches
      .serversIn(namespace)
      .filter((server) => isOverQuota(server) || failures.isOverQuota(server.metadata.uid));
    for (const server of waiting.toSorted((left, right) => byAge(left.metadata, right.metadata)).slice(0, MOST_WOKEN)) {
      failures.release(server.metadata.uid);
      enqueue(keyOf(server), "Urgent");
    }
  }

  #podChanged({ previous, current }: StoreChange<Pod>): void {
    const { caches, memories } = this.#options;
    if (previous !== undefined && current !== undefined) this.#countResize(previous, current);
    if (current === undefined) memories.usage.forget(previous?.metadata.uid ?? "");
    for (const uid of [previous, current].flatMap((pod) => (pod === undefined ? [] : parentUids(pod)))) {
      for (const server of caches.servers.store.byIndex("uid", uid).flatMap((found) => asServer(found) ?? [])) {
        memories.secrets.podSeen(uid, podOf(server, caches)?.metadata.uid);
        const isGone = previous?.metadata.namespace === server.metadata.namespace && current === undefined;
        if (isGone && controllerOf(previous)?.kind === "StatefulSet") memories.formerPods.gone(uid, previous);
      }
    }
  }

  #countResize(previous: Live<Pod>, current: Live<Pod>): void {
    const { isLeader, metrics } = this.#options;
    const result = resizeResultBetween(previous, current);
    if (result !== undefined && isLeader()) metrics.resized(result);
  }
}

/** Whether the server's pod was refused because of a ResourceQuota, or one of its children. */
function isOverQuota(server: JupyterServer): boolean {
  const { conditions = [] } = withReadableStatus(server).status ?? {};
  return conditions.some(({ reason }) => reason === "QuotaExceeded");
}
