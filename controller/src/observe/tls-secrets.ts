import { type JupyterServer, REASONS } from "@amalthea/api";
import {
  type Clock,
  keyOf,
  kinds,
  type KubeClient,
  type Logger,
  type ObjectKey,
  type ObjectRef,
  RequestQueue,
} from "@amalthea/kube";
import { withReadableStatus } from "../decide/effective-server.ts";
import { earliest } from "../decide/values/time.ts";

export type TlsSecretsOptions = {
  readonly client: Pick<KubeClient, "findMetadata">;
  /** A Secret that this server asked for came, or went. */
  readonly onNews: (server: ObjectKey) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** A new certificate is noticed within half a minute; deletions are rare. */
const MISSING_MS = 30_000;
const THERE_MS = 600_000;

/** Concurrency and timeout of the lookups, outside of the reconciles: nothing but a condition depends on them. */
export const READS = { workers: 4, timeoutMs: 10_000 } as const;

/** Maximum number of remembered Secrets; beyond that, the oldest are looked up again. */
const MOST_KNOWN = 10_000;

/** Undefined if it could not be looked up yet. */
type Known = { readonly isMissing: boolean | undefined; readonly checkedAtMs: number };

/** A Secret that is looked up, and the servers that wait for it, with what they take it for: whether it is missing. */
type Search = { readonly ref: ObjectRef; readonly servers: Map<ObjectKey, boolean> };

/**
 * Which Secrets with certificates do not exist. Secrets are not watched, so each is looked up at intervals, only its
 * metadata, once for all servers of the namespace that name it. This is independent of the reconciles: none waits for it.
 */
export class TlsSecrets {
  readonly #options: TlsSecretsOptions;
  readonly #known = new Map<ObjectKey, Known>();
  readonly #searches: RequestQueue<Search, boolean>;

  constructor(options: TlsSecretsOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#searches = new RequestQueue({
      ...{ name: "tls-secrets", ...READS, clock, logger },
      send: async ({ ref }, signal) => (await options.client.findMetadata(kinds.Secret, ref, signal)) === undefined,
      onAnswer: ({ ref, servers }, isMissing) => this.#found(keyOf(ref), servers, isMissing),
      // Retried when it is due again.
      onFailure: ({ ref }, err) => {
        logger.warn({ key: keyOf(ref), err }, "cannot look up the Secret with a certificate");
        this.#remember(keyOf(ref), this.#known.get(keyOf(ref))?.isMissing);
      },
    });
  }

  /** Triggers the lookups that are due, and returns at once. */
  refresh(server: JupyterServer, names: readonly string[]): void {
    for (const name of names) this.#refresh(server, name);
  }

  /**
   * Whether a Secret is missing. Until it is looked up for the first time, this is what the status says: otherwise each
   * start of the controller would withdraw the warning and give it again.
   */
  isMissing(server: JupyterServer, name: string): boolean {
    const { namespace } = server.metadata;
    const { isMissing } = this.#known.get(keyOf({ namespace, name })) ?? {};
    if (isMissing !== undefined) return isMissing;
    const { conditions = [] } = withReadableStatus(server).status ?? {}; // a status of 0.24 may hold anything
    const warning = conditions.find(({ type }) => type === "RouteWarning");
    return warning?.message.includes(REASONS.TlsSecretMissing.sentence({ secret: name })) === true;
  }

  /** Milliseconds until the next lookup; undefined if there is none. */
  nextRefreshMs(namespace: string | undefined, names: readonly string[]): number | undefined {
    return earliest(...names.map((name) => this.#dueInMs(keyOf({ namespace, name }))));
  }

  /** Performs lookups until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#searches.run(signal);
  }

  #refresh(server: JupyterServer, name: string): void {
    const ref = { namespace: server.metadata.namespace, name };
    const key = keyOf(ref);
    if (this.#searches.get(key) === undefined && this.#dueInMs(key) === 0) {
      this.#searches.add(key, { ref, servers: new Map() });
    }
    this.#searches.get(key)?.servers.set(keyOf(server.metadata), this.isMissing(server, name));
  }

  /** A lookup in progress needs no wake-up. */
  #dueInMs(key: ObjectKey): number {
    const known = this.#known.get(key);
    const interval = known?.isMissing === false ? THERE_MS : MISSING_MS;
    if (this.#searches.get(key) !== undefined) return interval;
    return known === undefined ? 0 : Math.max(0, known.checkedAtMs + interval - this.#options.clock.monotonicMs());
  }

  #found(key: ObjectKey, servers: Search["servers"], isMissing: boolean): void {
    this.#remember(key, isMissing);
    for (const [server, wasMissing] of servers) if (wasMissing !== isMissing) this.#options.onNews(server);
  }

  /** The latest is the last of the map, so what nobody asks for any more is forgotten first. */
  #remember(key: ObjectKey, isMissing: boolean | undefined): void {
    this.#known.delete(key);
    this.#known.set(key, { isMissing, checkedAtMs: this.#options.clock.monotonicMs() });
    const [first] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && first !== undefined) this.#known.delete(first);
  }
}
