import { type Clock, onAbort, systemClock } from "./clock.ts";
import type { Kind } from "./kinds.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { compareResourceVersions, keyOf, type KubeObject, type Live, type ObjectKey } from "./objects.ts";
import { StoreIndex } from "./store-index.ts";

/**
 * A change of one object. `previous` absent: it is new; `current` absent: it is gone. Another uid makes two changes.
 */
export type StoreChange<T extends KubeObject> = {
  readonly key: ObjectKey;
  readonly previous?: Live<T> | undefined;
  readonly current?: Live<T> | undefined;
  /** It existed before the watch began. */
  readonly initial: boolean;
};

/**
 * Called synchronously within the change: it enqueues a key. What it throws is logged, and the other subscribers are
 * still called.
 */
export type StoreListener<T extends KubeObject> = (change: StoreChange<T>) => void;

/** The objects of one kind, as far as known: from watches, and from the responses to our own writes. */
export interface Store<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** True once all objects that exist have been seen, and from then on. */
  readonly synced: boolean;
  readonly size: number;
  get(key: ObjectKey): Live<T> | undefined;
  list(): IterableIterator<Live<T>>;
  /** The objects that the index `name` files under `value`. @throws TypeError for an index that was not given. */
  byIndex(name: string, value: string): readonly Live<T>[];
  /** @returns A function that ends the subscription. */
  subscribe(listener: StoreListener<T>): () => void;
  /** Resolves when `synced`. @throws the signal's reason. */
  waitForSync(signal: AbortSignal): Promise<void>;
  /** Stores the response to our own write at once; watch events from before it are ignored from then on. */
  recordWrite(object: Live<T>): void;
  /** Removes an object that we deleted; late watch events of this uid are ignored for 30 seconds. */
  recordRemoval(key: ObjectKey, uid: string): void;
}

/** How an index files objects: the values under which one is found. */
export type Indexes<T extends KubeObject> = Readonly<Record<string, (object: Live<T>) => readonly string[]>>;

export type ObjectStoreOptions<T extends KubeObject> = {
  readonly indexes?: Indexes<T> | undefined;
  /** What to keep of an object, as `keep` returns it. */
  readonly transform?: ((object: Live<T>) => Live<T>) | undefined;
  /** Maximum number of objects kept per namespace, those that changed last. Default: all. */
  readonly maxPerNamespace?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
};

/** What is known of a complete list. */
type CompleteList = {
  readonly resourceVersion: string;
  /** The one that was listed; absent: all. */
  readonly namespace?: string | undefined;
  /** The server was restored from a backup: its versions are lower than those we have seen. Default false. */
  readonly wentBack?: boolean;
};

/**
 * A watch event that was in flight when we deleted the object arrives within this time, or after a new list. So does
 * the response to a write that was overtaken by the deletion.
 */
const REMOVAL_MEMORY_MS = 30_000;

/** A deleted object: which of its versions must not be stored again, and until when. */
type Removal = {
  /** Absent: every version. */
  readonly upTo: string | undefined;
  readonly dueMs: number;
};

/** The store with its writer's side: an `Informer` writes, everybody else sees a `Store`. */
export class ObjectStore<T extends KubeObject> implements Store<T> {
  readonly kind: Kind<T>;
  readonly #objects = new Map<ObjectKey, Live<T>>();
  readonly #indexes: ReadonlyMap<string, StoreIndex<T>>;
  readonly #transform: (object: Live<T>) => Live<T>;
  readonly #maxPerNamespace: number;
  /** If the number is limited: by namespace, those that changed first in front. */
  readonly #byAge = new Map<string, Set<ObjectKey>>();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners = new Set<StoreListener<T>>();
  /** By uid, those to be forgotten first in front. */
  readonly #removed = new Map<string, Removal>();
  readonly #sync: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #synced = false;

  constructor(kind: Kind<T>, options: ObjectStoreOptions<T> = {}) {
    const { indexes = {}, transform = (object) => object, clock } = options;
    this.kind = kind;
    this.#maxPerNamespace = options.maxPerNamespace ?? Number.POSITIVE_INFINITY;
    this.#indexes = new Map(Object.entries(indexes).map(([name, valuesOf]) => [name, new StoreIndex<T>(valuesOf)]));
    this.#transform = transform;
    this.#clock = clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): Live<T> | undefined {
    return this.#objects.get(key);
  }

  list(): IterableIterator<Live<T>> {
    return this.#objects.values();
  }

  byIndex(name: string, value: string): readonly Live<T>[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new TypeError(`the store of ${this.kind.plural} has no index "${name}"`);
    return index.keys(value).flatMap((key) => this.#objects.get(key) ?? []);
  }

  subscribe(listener: StoreListener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const forget = onAbort(signal, () => aborted.reject(signal.reason));
    await Promise.race([this.#sync.promise, aborted.promise]).finally(forget);
  }

  recordWrite(object: Live<T>): void {
    this.set(this.keep(object));
  }

  /** What is kept of an object that was received: `set` and `replace` take this. */
  keep(object: Live<T>): Live<T> {
    return this.#transform(object);
  }

  recordRemoval(key: ObjectKey, uid: string): void {
    this.#rememberRemoval(uid, undefined);
    const existing = this.#objects.get(key);
    if (existing?.metadata.uid === uid) this.#change(key, existing, undefined);
  }

  /** Stores an object, unless ours is as new: events may arrive late, after the response to our own write. */
  set(object: Live<T>): void {
    const key = keyOf(object);
    const existing = this.#objects.get(key);
    if (this.#wasRemoved(object) || (existing !== undefined && !isNewer(object, existing))) return;
    this.#put(key, existing, object);
  }

  /**
   * Removes an object, if it is that very one and not a later version of it: it may only have left the selection, and a
   * write of ours may have brought it back before we noticed. The late response to an earlier write does not bring it
   * back; a later version does.
   */
  delete(object: Live<T>): void {
    const key = keyOf(object);
    const { uid, resourceVersion } = object.metadata;
    this.#rememberRemoval(uid, resourceVersion);
    const existing = this.#objects.get(key);
    if (existing?.metadata.uid === uid && !isNewer(existing, object)) this.#change(key, existing, undefined);
  }

  /**
   * Makes the store equal to a complete list, change by change. What we wrote after the list was made stays, unless the
   * server's resourceVersion went backwards: then nothing in the store is newer than the list.
   */
  replace(objects: readonly Live<T>[], { resourceVersion, namespace, wentBack = false }: CompleteList): void {
    const listed = new Set(objects.map((object) => keyOf(object)));
    for (const [key, existing] of this.#objects) {
      if (namespace !== undefined && existing.metadata.namespace !== namespace) continue;
      const olderThanList = compareResourceVersions(existing.metadata.resourceVersion, resourceVersion) <= 0;
      if (listed.has(key) || !(olderThanList || wentBack)) continue;
      if (!wentBack) this.#rememberRemoval(existing.metadata.uid, resourceVersion);
      this.#change(key, existing, undefined);
    }
    for (const object of objects) {
      if (wentBack) this.#takeBack(object);
      else this.set(object);
    }
  }

  /** Everything that exists has been seen. */
  markSynced(): void {
    this.#synced = true;
    this.#sync.resolve();
  }

  /** Stores what exists, however old it looks compared to what we have. */
  #takeBack(object: Live<T>): void {
    const key = keyOf(object);
    const existing = this.#objects.get(key);
    this.#removed.delete(object.metadata.uid);
    if (existing === undefined || !isSameVersion(existing, object)) this.#put(key, existing, object);
  }

  /** An object with another uid is another object: one is removed, one is added. */
  #put(key: ObjectKey, existing: Live<T> | undefined, kept: Live<T>): void {
    const isReplaced = existing !== undefined && existing.metadata.uid !== kept.metadata.uid;
    if (isReplaced) this.#change(key, existing, undefined);
    this.#change(key, isReplaced ? undefined : existing, kept);
  }

  #rememberRemoval(uid: string, upTo: string | undefined): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [other, { dueMs }] of this.#removed) {
      if (dueMs > nowMs) break;
      this.#removed.delete(other);
    }
    this.#removed.delete(uid); // to the end of the order
    this.#removed.set(uid, { upTo, dueMs: nowMs + REMOVAL_MEMORY_MS });
  }

  #wasRemoved({ metadata }: Live<T>): boolean {
    const removal = this.#removed.get(metadata.uid);
    if (removal === undefined || removal.dueMs <= this.#clock.monotonicMs()) return false;
    return removal.upTo === undefined || compareResourceVersions(metadata.resourceVersion, removal.upTo) <= 0;
  }

  #change(key: ObjectKey, previous: Live<T> | undefined, current: Live<T> | undefined): void {
    if (current === undefined) this.#objects.delete(key);
    else this.#objects.set(key, current);
    for (const index of this.#indexes.values()) index.update(key, previous, current);
    const change = { key, previous, current, initial: !this.#synced };
    for (const listener of this.#listeners) this.#notify(listener, change);
    if (this.#maxPerNamespace < Number.POSITIVE_INFINITY) this.#keepBound(key, current);
  }

  /**
   * A listener that throws is a bug; one object that triggers it must not crash the process, again after each restart.
   */
  #notify(listener: StoreListener<T>, change: StoreChange<T>): void {
    try {
      listener(change);
    } catch (err) {
      this.#logger.error({ kind: this.kind.kind, key: change.key, err }, "a subscriber failed");
    }
  }

  /** Drops the object of a namespace that changed longest ago, when there are too many. */
  #keepBound(key: ObjectKey, current: Live<T> | undefined): void {
    const namespace = key.slice(0, key.indexOf("/"));
    const keys = this.#byAge.get(namespace) ?? new Set<ObjectKey>();
    keys.delete(key);
    if (current !== undefined) keys.add(key);
    if (keys.size === 0) this.#byAge.delete(namespace);
    else this.#byAge.set(namespace, keys);
    const [oldest] = keys;
    if (oldest !== undefined && keys.size > this.#maxPerNamespace) {
      this.#change(oldest, this.#objects.get(oldest), undefined);
    }
  }
}

function isSameVersion({ metadata: left }: Live, { metadata: right }: Live): boolean {
  return left.uid === right.uid && left.resourceVersion === right.resourceVersion;
}

function isNewer(object: Live, than: Live): boolean {
  return compareResourceVersions(object.metadata.resourceVersion, than.metadata.resourceVersion) > 0;
}
