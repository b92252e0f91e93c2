import { type Clock, keyOf, kinds, type KubeClient, type Logger, type ObjectKey } from "@amalthea/kube";
import { earliest } from "../decide/values/time.ts";

export type TlsSecretsOptions = {
  readonly client: Pick<KubeClient, "findMetadata">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly logger: Pick<Logger, "warn">;
};

/** Somebody who waits for a certificate is told that it came within half a minute; that one is deleted is rare. */
const MISSING_MS = 30_000;
const THERE_MS = 600_000;

type Known = { readonly isMissing: boolean; readonly lookedAtMs: number };

/**
 * Which Secrets with certificates do not exist. Secrets are not watched, so each is looked for at intervals, its metadata
 * alone, once for all servers of the namespace that name it.
 */
export class TlsSecrets {
  readonly #options: TlsSecretsOptions;
  readonly #known = new Map<ObjectKey, Known>();

  constructor(options: TlsSecretsOptions) {
    this.#options = options;
  }

  /** Looks for those whose time it is. What goes wrong is logged, and tried again when it is time again. */
  async look(namespace: string, names: readonly string[], signal: AbortSignal): Promise<void> {
    const due = names.filter((name) => this.#dueInMs(namespace, name) === 0);
    if (due.length > 0) this.#forgetUnasked();
    await Promise.all(due.map((name) => this.#lookFor({ namespace, name }, signal)));
  }

  isMissing(namespace: string, name: string): boolean {
    return this.#known.get(keyOf({ namespace, name }))?.isMissing === true;
  }

  /** Milliseconds until one of them is to be looked for again; undefined if there are none. */
  nextLookMs(namespace: string, names: readonly string[]): number | undefined {
    return earliest(...names.map((name) => this.#dueInMs(namespace, name)));
  }

  #dueInMs(namespace: string, name: string): number {
    const known = this.#known.get(keyOf({ namespace, name }));
    if (known === undefined) return 0;
    const interval = known.isMissing ? MISSING_MS : THERE_MS;
    return Math.max(0, known.lookedAtMs + interval - this.#options.clock.monotonicMs());
  }

  async #lookFor(ref: { readonly namespace: string; readonly name: string }, signal: AbortSignal): Promise<void> {
    const { client, clock, logger } = this.#options;
    const key = keyOf(ref);
    try {
      const isMissing = (await client.findMetadata(kinds.Secret, ref, signal)) === undefined;
      this.#known.set(key, { isMissing, lookedAtMs: clock.monotonicMs() });
    } catch (err) {
      signal.throwIfAborted();
      logger.warn({ key, err }, "cannot look for the Secret with the certificate of a server");
      this.#known.set(key, { isMissing: this.isMissing(ref.namespace, ref.name), lookedAtMs: clock.monotonicMs() });
    }
  }

  /** Those that no server has asked for when it was time to. */
  #forgetUnasked(): void {
    const now = this.#options.clock.monotonicMs();
    for (const [key, { lookedAtMs }] of this.#known) if (now - lookedAtMs > 2 * THERE_MS) this.#known.delete(key);
  }
}
