import type { Kind } from "./kinds.ts";
import type { KubeObject, Live, ObjectKey } from "./objects.ts";

/** A change of one object. `previous` absent: it is new; `current` absent: it is gone. Another uid makes two changes. */
export type StoreChange<T extends KubeObject> = {
  readonly key: ObjectKey;
  readonly previous?: Live<T>;
  readonly current?: Live<T>;
  /** It was there before we began to watch. */
  readonly initial: boolean;
};

/** Called synchronously within the change: it enqueues a key, and does not throw. */
export type StoreListener<T extends KubeObject> = (change: StoreChange<T>) => void;

/** The objects of one kind, as far as we know: what watches told, plus what our own writes were answered. */
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
  /** Puts the answer to our own write in at once; watch events from before it are ignored from then on. */
  recordWrite(object: Live<T>): void;
  /** Takes out an object that we deleted; late watch events of this uid are ignored. */
  recordRemoval(key: ObjectKey, uid: string): void;
}
