import { Informer, type InformerOptions, type KubeObject, type Store } from "@amalthea/kube";

/** Watches what may be forbidden or absent: nothing waits longer than until that is known. */
export class OptionalInformer<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #failed = Promise.withResolvers<void>();

  constructor(options: InformerOptions<T>) {
    this.#informer = new Informer<T>({
      ...options,
      onFailure: (kind, error) => {
        this.#failed.resolve();
        options.onFailure?.(kind, error);
      },
    });
  }

  get store(): Store<T> {
    return this.#informer.store;
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#informer.run(signal);
  }

  /** Until everything that exists is known, or the first attempt to read it has failed. */
  async waitUntilTried(signal: AbortSignal): Promise<void> {
    await Promise.race([this.#failed.promise, this.store.waitForSync(signal)]);
  }
}
