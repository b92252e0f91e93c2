import type { KubeClient, ListOptions, WatchEvent } from "./client.ts";
import { type Clock, withDeadline } from "./clock.ts";
import { ApiError, isGone, isInvalid } from "./errors.ts";
import type { Kind } from "./kinds.ts";
import type { Logger } from "./logger.ts";
import { compareResourceVersions, keyOf, type KubeObject, type Live, type ObjectKey } from "./objects.ts";
import { IdleTimeout } from "./idle-timeout.ts";
import type { ObjectStore } from "./store.ts";
import { initialWatchState, nextWatchState, watchPauseMs, type WatchSignal, type WatchState } from "./watch-state.ts";

/** @see https://github.com/kubernetes/client-go/blob/master/tools/pager/pager.go defaultPageSize; parsing one takes about 25 ms */
const PAGE_SIZE = 500;

/** Shorter than client-go's 300 to 600 s: it halves how long a connection that is open but dead can go unnoticed. */
const WATCH_TIMEOUT_SECONDS = 240;
const WATCH_TIMEOUT_SPREAD = 60;

/** @see https://github.com/kubernetes/kubernetes/blob/master/pkg/features/kube_features.go WatchList; KEP-3157 */
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** A stream of existing objects must make progress; client-go logs a warning after this time. */
const INITIAL_SILENCE_MS = 10_000;

/** The server sends a bookmark about every 60 s (apiserver's cacher.go, nextBookmarkTime): two and a half of them. */
const SILENCE_MS = 150_000;

/** Without bookmarks: the requested end of the watch, plus a margin. */
const AFTER_TIMEOUT_MS = 15_000;

/** Which objects are watched. */
type Selection = Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector">;

export type ReflectorOptions<T extends KubeObject> = Selection & {
  readonly client: KubeClient;
  readonly kind: Kind<T>;
  readonly store: ObjectStore<T>;
  /**
   * Objects per list request, if existing objects are not streamed: fewer for kinds whose objects may be large. Default
   * 500.
   */
  readonly pageSize?: number | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** How long a watch may be silent. Default: 150 s where there are bookmarks, 10 s while it sends existing objects. */
  readonly silenceMs?: number | undefined;
  readonly onSynced: () => void;
  readonly onFailure: (kind: string, error: unknown) => void;
};

/** Lists and watches one kind (in one namespace) into a store. What to do next is decided by `nextWatchState`. */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #selection: Selection;
  #state: WatchState = initialWatchState;
  #bookmarkSeen = false;
  #connected = false;
  #lastFailureMs = Number.NEGATIVE_INFINITY;
  #lastContactMs: number;
  /** Of the last list, change or bookmark. */
  #latestVersion = "0";

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    const { namespace, labelSelector, fieldSelector } = options;
    this.#selection = { namespace, labelSelector, fieldSelector };
    this.#lastContactMs = options.clock.monotonicMs();
  }

  get state(): WatchState {
    return this.#state;
  }

  /** Milliseconds since the API server last sent anything. */
  silentMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastContactMs;
  }

  /** Whether a watch is open, so the API server responds. */
  isConnected(): boolean {
    return this.#connected;
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    let retryAfterMs: number | undefined;
    while (this.#state.phase.kind !== "Stopped") {
      try {
        if (this.#state.pause) await clock.sleep(watchPauseMs(this.#state.failures, retryAfterMs, random), signal);
        retryAfterMs = undefined;
        signal.throwIfAborted();
        this.#signal(await this.#perform(signal));
      } catch (error) {
        retryAfterMs = error instanceof ApiError ? error.retryAfterMs : undefined;
        this.#signal(signal.aborted ? { kind: "Stop" } : this.#failure(error));
      }
    }
  }

  #signal(signal: WatchSignal): void {
    if ("resourceVersion" in signal) this.#latestVersion = signal.resourceVersion;
    this.#state = nextWatchState(this.#state, signal);
  }

  async #perform(signal: AbortSignal): Promise<WatchSignal> {
    const { phase } = this.#state;
    switch (phase.kind) {
      case "Streaming":
        return await this.#watch(undefined, signal);
      case "Listing":
        return await this.#list(signal);
      case "Watching":
        return await this.#watch(phase.resourceVersion, signal);
      case "Checking":
        return await this.#check(phase.resourceVersion, signal);
      case "Stopped":
        return { kind: "Stop" };
    }
  }

  async #list(signal: AbortSignal): Promise<WatchSignal> {
    const { client, kind, store, pageSize = PAGE_SIZE } = this.#options;
    const objects: Live<T>[] = [];
    let continueToken: string | undefined;
    for (;;) {
      // No resourceVersion: the newest state. "0" would ignore the limit and return everything at once.
      const page = await client.list(kind, { ...this.#selection, limit: pageSize, continueToken }, signal);
      this.#contact();
      for (const item of page.items) objects.push(store.keep(item));
      continueToken = page.continueToken;
      if (continueToken === undefined) return this.#synced(objects, page.resourceVersion);
    }
  }

  /** A server that was restored from a backup continues with the versions from there: ours may be in its future. */
  async #check(resourceVersion: string, signal: AbortSignal): Promise<WatchSignal> {
    const { client, clock, kind, silenceMs = INITIAL_SILENCE_MS } = this.#options;
    const one = { ...this.#selection, limit: 1 };
    const page = await withDeadline(clock, silenceMs, signal, (deadline) => client.list(kind, one, deadline));
    this.#contact();
    if (compareResourceVersions(page.resourceVersion, resourceVersion) >= 0) return { kind: "Checked" };
    this.#options.logger.warn({ kind: kind.kind }, "the API server's resourceVersion went backwards; relisting");
    return { kind: "Gone" };
  }

  #synced(objects: readonly Live<T>[], resourceVersion: string): WatchSignal {
    const { store, namespace } = this.#options;
    const wentBack = compareResourceVersions(resourceVersion, this.#latestVersion) < 0;
    store.replace(objects, { resourceVersion, namespace, wentBack });
    this.#options.onSynced();
    return { kind: "Synced", resourceVersion };
  }

  /** One watch: of all existing objects and then of the changes (`from` absent), or of the changes after `from`. */
  async #watch(from: string | undefined, signal: AbortSignal): Promise<WatchSignal> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const guard = new IdleTimeout(clock, signal);
    try {
      const events = await this.#readWatch(from, guard);
      signal.throwIfAborted();
      this.#contact(); // a kind without bookmarks and without changes never sends anything else
      return { kind: "Ended", afterMs: clock.monotonicMs() - startMs, events };
    } catch (error) {
      if (guard.silent) return this.#stalled();
      // Inside the stream, before the end of the initial events: etcd or the server does not support it. client-go
      // falls back as well.
      if (this.#state.phase.kind === "Streaming" && refusesStream(error, this.#connected))
        return { kind: "StreamRefused" };
      throw error;
    } finally {
      this.#connected = false;
      guard.end();
    }
  }

  /** Reads one watch to its end. @returns How many events came. */
  async #readWatch(from: string | undefined, guard: IdleTimeout): Promise<number> {
    const { client, kind, random } = this.#options;
    const timeoutSeconds = Math.floor(WATCH_TIMEOUT_SECONDS + random() * WATCH_TIMEOUT_SPREAD);
    const expectMore = (): void => guard.expect(this.#silenceLimitMs(timeoutSeconds));
    const onBytes = (): void => {
      this.#contact();
      this.#connected = true;
      expectMore();
    };
    const start = from === undefined ? { sendInitialEvents: true } : { resourceVersion: from };
    const options = { ...this.#selection, ...start, timeoutSeconds, onBytes };
    const initial = new Map<ObjectKey, Live<T>>();
    let events = 0;
    expectMore();
    for await (const event of client.watch(kind, options, guard.signal)) {
      events++;
      if (this.#state.phase.kind === "Streaming") this.#collect(initial, event);
      else this.#handle(event);
      expectMore(); // after the initial events, more time may pass than during them
    }
    return events;
  }

  /** Before the end of the initial events nothing reaches the store, so that no reader sees half of them. */
  #collect(initial: Map<ObjectKey, Live<T>>, event: WatchEvent<T>): void {
    if (event.type !== "BOOKMARK") {
      if (event.type === "DELETED") initial.delete(keyOf(event.object));
      else initial.set(keyOf(event.object), this.#options.store.keep(event.object));
      return;
    }
    // It ends the initial events, and does not imply later bookmarks: kinds without a watch cache (Events) send none.
    const { annotations, resourceVersion } = event.object.metadata;
    if (annotations?.[INITIAL_EVENTS_END] !== "true") return;
    this.#signal(this.#synced([...initial.values()], resourceVersion));
    initial.clear();
  }

  #handle(event: WatchEvent<T>): void {
    const { store } = this.#options;
    if (event.type === "BOOKMARK") this.#bookmarkSeen = true;
    else if (event.type === "DELETED") store.delete(event.object);
    else store.set(store.keep(event.object));
    this.#signal({ kind: "Progress", resourceVersion: event.object.metadata.resourceVersion });
  }

  #silenceLimitMs(timeoutSeconds: number): number {
    const { silenceMs } = this.#options;
    if (silenceMs !== undefined) return silenceMs;
    if (this.#state.phase.kind === "Streaming") return INITIAL_SILENCE_MS;
    return this.#bookmarkSeen ? SILENCE_MS : timeoutSeconds * 1000 + AFTER_TIMEOUT_MS;
  }

  #contact(): void {
    this.#lastContactMs = this.#options.clock.monotonicMs();
  }

  #stalled(): WatchSignal {
    this.#options.logger.warn({ kind: this.#options.kind.kind, phase: this.#state.phase.kind }, "watch fell silent");
    this.#options.onFailure(this.#options.kind.kind, new Error("the watch fell silent"));
    return { kind: "Stalled" };
  }

  #failure(error: unknown): WatchSignal {
    const { clock, kind, logger, onFailure } = this.#options;
    onFailure(kind.kind, error);
    if (isGone(error)) {
      logger.debug({ kind: kind.kind, phase: this.#state.phase.kind }, "resourceVersion is too old; relisting");
      return { kind: "Gone" };
    }
    logger.warn({ kind: kind.kind, phase: this.#state.phase.kind, err: error }, "list or watch failed; retrying");
    const sinceLastFailureMs = clock.monotonicMs() - this.#lastFailureMs;
    this.#lastFailureMs = clock.monotonicMs();
    return { kind: "Failed", sinceLastFailureMs };
  }
}

function refusesStream(error: unknown, hasBegun: boolean): boolean {
  return isInvalid(error) || (hasBegun && error instanceof ApiError && error.code === 500);
}
