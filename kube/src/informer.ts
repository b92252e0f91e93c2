import type { Clock } from "./clock.ts";
import type { KubeClient } from "./client.ts";
import type { Kind } from "./kinds.ts";
import type { Logger } from "./logger.ts";
import type { KubeObject, Live } from "./objects.ts";
import type { Store } from "./store.ts";

export type InformerOptions<T extends KubeObject> = {
  readonly client: KubeClient;
  readonly kind: Kind<T>;
  /** Absent or empty: all namespaces in one watch; otherwise a watch for each. */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Fetches names, labels and annotations only. */
  readonly metadataOnly?: boolean | undefined;
  /** Name of the index → the values under which it files an object. */
  readonly indexes?: Readonly<Record<string, (object: Live<T>) => readonly string[]>> | undefined;
  /** What to keep of an object, besides `metadata`; default: all but `managedFields`. Runs before the store sees it. */
  readonly transform?: ((object: Live<T>) => Live<T>) | undefined;
  /** Freezes what the store holds, so that a reader that changes it fails: for development and tests. Default false. */
  readonly freeze?: boolean | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  /** Called when a list or watch failed, for a metric. */
  readonly onFailure?: ((kind: string, error: unknown) => void) | undefined;
};

/** Keeps a store equal to what the API server has, through every failure, until it is stopped. */
export declare class Informer<T extends KubeObject> {
  constructor(options: InformerOptions<T>);
  readonly store: Store<T>;
  /** Milliseconds since the API server last told us anything; grows to about a minute on an idle kind. */
  silentMs(): number;
  /** Watches until the signal is aborted, then resolves. Rejects only for a programming error. */
  run(signal: AbortSignal): Promise<void>;
}
