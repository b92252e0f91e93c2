import {
  type Clock,
  keyOf,
  kinds,
  type KubeClient,
  type Logger,
  type ObjectKey,
  type ObjectRef,
  runController,
  withDeadline,
  WorkQueue,
} from "@amalthea/kube";
import { earliest } from "../decide/values/time.ts";

export type TlsSecretsOptions = {
  readonly client: Pick<KubeClient, "findMetadata">;
  /** A Secret that this server asked for came, or went. */
  readonly onNews: (server: ObjectKey) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Somebody who waits for a certificate is told that it came within half a minute; that one is deleted is rare. */
const MISSING_MS = 30_000;
const THERE_MS = 600_000;

/** Requests at the same time, and the time for each: nothing but a warning depends on them. */
const WORKERS = 4;
const TIMEOUT_MS = 10_000;

/** Secrets that are remembered; of more, those that were looked for first are looked for again. */
const MOST_KNOWN = 10_000;

type Known = { readonly isMissing: boolean; readonly lookedAtMs: number };

/**
 * Which Secrets with certificates do not exist. Secrets are not watched, so each is looked for at intervals, its metadata
 * alone, once for all servers of the namespace that name it. That goes on beside the reconciles: none waits for it.
 */
export class TlsSecrets {
  readonly #options: TlsSecretsOptions;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #known = new Map<ObjectKey, Known>();
  /** Those that are being looked for, and the servers that wait for news. */
  readonly #asked = new Map<ObjectKey, { readonly ref: ObjectRef; readonly servers: Set<ObjectKey> }>();

  constructor(options: TlsSecretsOptions) {
    this.#options = options;
    this.#queue = new WorkQueue<ObjectKey>({ clock: options.clock });
    this.#queue.close(); // until `run`
  }

  /** Has those looked for whose time it is, and returns at once. */
  look(server: ObjectRef, names: readonly string[]): void {
    if (this.#queue.isOpen) for (const name of names) this.#ask(server, { namespace: server.namespace, name });
  }

  isMissing(namespace: string, name: string): boolean {
    return this.#known.get(keyOf({ namespace, name }))?.isMissing === true;
  }

  /** Milliseconds until one of them is to be looked for again; undefined if there are none. */
  nextLookMs(namespace: string, names: readonly string[]): number | undefined {
    return earliest(...names.map((name) => this.#dueInMs(keyOf({ namespace, name }))));
  }

  /** Looks until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    this.#asked.clear();
    this.#queue.open();
    const reconcile = async (key: ObjectKey): Promise<{ readonly kind: "Settled" }> => {
      await this.#lookFor(key, signal);
      return { kind: "Settled" };
    };
    await runController(
      { name: "tls-secrets", queue: this.#queue, workers: WORKERS, reconcile, clock, logger },
      signal,
    );
  }

  #ask(server: ObjectRef, ref: ObjectRef): void {
    const key = keyOf(ref);
    const asked = this.#asked.get(key);
    asked?.servers.add(keyOf(server));
    if (asked !== undefined || this.#dueInMs(key) > 0) return;
    this.#asked.set(key, { ref, servers: new Set([keyOf(server)]) });
    this.#remember(key, this.#known.get(key)?.isMissing === true); // so that nobody wakes up for it meanwhile
    this.#queue.add(key);
  }

  #dueInMs(key: ObjectKey): number {
    const known = this.#known.get(key);
    if (known === undefined) return this.#asked.has(key) ? MISSING_MS : 0;
    const interval = known.isMissing ? MISSING_MS : THERE_MS;
    return Math.max(0, known.lookedAtMs + interval - this.#options.clock.monotonicMs());
  }

  /** What goes wrong is logged, and tried again when it is time again. */
  async #lookFor(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const asked = this.#asked.get(key);
    if (asked === undefined) return;
    try {
      this.#found(key, asked.servers, await this.#isAbsent(asked.ref, signal));
    } catch (err) {
      if (!signal.aborted) this.#options.logger.warn({ key, err }, "cannot look for the Secret with a certificate");
    } finally {
      this.#asked.delete(key);
    }
  }

  async #isAbsent(ref: ObjectRef, signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.#options;
    const find = async (deadline: AbortSignal): Promise<boolean> =>
      (await client.findMetadata(kinds.Secret, ref, deadline)) === undefined;
    return await withDeadline(clock, TIMEOUT_MS, signal, find);
  }

  #found(key: ObjectKey, servers: ReadonlySet<ObjectKey>, isMissing: boolean): void {
    const isNews = (this.#known.get(key)?.isMissing === true) !== isMissing;
    this.#remember(key, isMissing);
    if (isNews) for (const server of servers) this.#options.onNews(server);
  }

  /** The latest is the last of the map, so what nobody asks for any more is forgotten first. */
  #remember(key: ObjectKey, isMissing: boolean): void {
    this.#known.delete(key);
    this.#known.set(key, { isMissing, lookedAtMs: this.#options.clock.monotonicMs() });
    const [first] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && first !== undefined) this.#known.delete(first);
  }
}
