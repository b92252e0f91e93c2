import { type Clock, systemClock } from "./clock.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { KubeObject, Live } from "./objects.ts";
import { Reflector, type ReflectorOptions } from "./reflector.ts";
import { type Indexes, ObjectStore, type Store } from "./store.ts";
import { deepFreeze, withoutBookkeeping } from "./transform.ts";

export type InformerOptions<T extends KubeObject> = Pick<
  ReflectorOptions<T>,
  "client" | "kind" | "labelSelector" | "fieldSelector" | "pageSize" | "silenceMs"
> & {
  /** Absent or empty: all namespaces in one watch; otherwise a watch for each. */
  readonly namespaces?: readonly string[] | undefined;
  /** Name of the index → the values under which it files an object. */
  readonly indexes?: Indexes<T> | undefined;
  /** Keeps `managedFields`, so that `transform` removes what nobody reads: they are a third of an object. */
  readonly keepManagedFields?: boolean | undefined;
  /**
   * What to keep of an object, after `managedFields` and kubectl's copy are removed; the rest is released at once, even
   * while a list is incomplete. It must not change its argument.
   */
  readonly transform?: ((object: Live<T>) => Live<T>) | undefined;
  /**
   * Maximum number of objects kept per namespace, those that changed last: for kinds of which anybody can create many.
   * Default: all.
   */
  readonly maxPerNamespace?: number | undefined;
  /** Freezes what the store holds, so that a reader that changes it fails: for development and tests. Default false. */
  readonly freeze?: boolean | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
  /** Called when a list or watch failed, for a metric. */
  readonly onFailure?: ((kind: string, error: unknown) => void) | undefined;
};

/** Keeps a store in sync with the API server, through every failure, until it is stopped. */
export class Informer<T extends KubeObject> {
  readonly store: Store<T>;
  readonly #reflectors: readonly Reflector<T>[];

  constructor(options: InformerOptions<T>) {
    const { clock = systemClock, kind, transform = (object) => object, freeze = false, indexes } = options;
    const { keepManagedFields = false } = options;
    const store = new ObjectStore<T>(kind, {
      clock,
      logger: options.logger,
      indexes,
      maxPerNamespace: options.maxPerNamespace,
      transform: (object) => {
        const kept = transform(withoutBookkeeping(object, keepManagedFields));
        return freeze ? deepFreeze(kept) : kept;
      },
    });
    this.store = store;
    const { namespaces = [] } = options;
    const scopes = namespaces.length === 0 ? [undefined] : [...new Set(namespaces)];
    const waiting = new Set(scopes);
    this.#reflectors = scopes.map((namespace) => {
      const onSynced = (): void => {
        waiting.delete(namespace);
        if (waiting.size === 0) store.markSynced();
      };
      return new Reflector<T>({
        ...options,
        store,
        namespace,
        clock,
        onSynced,
        random: options.random ?? Math.random,
        logger: options.logger ?? silentLogger,
        onFailure: options.onFailure ?? (() => {}),
      });
    });
  }

  /**
   * Milliseconds since the API server last sent anything. For a kind that nobody changes it grows to about a minute, or
   * to five without bookmarks (Events).
   */
  silentMs(): number {
    return Math.max(...this.#reflectors.map((reflector) => reflector.silentMs()));
  }

  /** Whether watches are open in all of its namespaces. */
  isConnected(): boolean {
    return this.#reflectors.every((reflector) => reflector.isConnected());
  }

  /** Watches until the signal is aborted, then resolves. Rejects only for a programming error. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.run(signal)));
  }
}
