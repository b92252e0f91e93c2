import type {
  CallResult,
  KubeClient,
  ListOptions,
  ObjectList,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { applyError, RESOURCE_VERSION_OF_NO_OBJECT } from "./apply-errors.ts";
import { Connection } from "./connection.ts";
import { isNotFound } from "./errors.ts";
import { EventLoopTurns } from "./event-loop-turns.ts";
import type { Kind } from "./kinds.ts";
import type { KubeConfig } from "./kube-config.ts";
import { lines } from "./lines.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { KubeObject, Live } from "./objects.ts";
import { aboutCollection, aboutObject, type Query, refOfManifest, selection } from "./requests.ts";
import { type ApiRequest, statusError, Transport } from "./transport.ts";

export type ClientOptions = {
  readonly config: KubeConfig;
  /** `name/version`. The name is also the default field manager. */
  readonly userAgent: string;
  /** Called after each attempt, for metrics. */
  readonly onResult?: ((result: CallResult) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  /** Size of a response's body at which a call fails; watches have no limit. Default: no limit. */
  readonly maxAnswerBytes?: number | undefined;
};

/** A client on long-lived connections: 16 for calls, one more for each watch. */
export function createClient(options: ClientOptions): KubeClient {
  return new RestClient(options);
}

const PATCH_TYPES = {
  Merge: "application/merge-patch+json",
  Strategic: "application/strategic-merge-patch+json",
  Json: "application/json-patch+json",
} as const;

/** @see https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
const METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

class RestClient implements KubeClient {
  readonly #connection: Connection;
  readonly #transport: Transport;
  readonly #fieldManager: string;

  constructor({ config, userAgent, clock = systemClock, logger = silentLogger, ...options }: ClientOptions) {
    this.#connection = new Connection(config, clock, logger, options.maxAnswerBytes);
    this.#fieldManager = userAgent.split("/", 1)[0] ?? userAgent;
    this.#transport = new Transport({
      connection: this.#connection,
      server: config.server,
      userAgent,
      clock,
      onResult: options.onResult ?? (() => {}),
    });
  }

  readonly get: KubeClient["get"] = async (kind, ref, signal) =>
    await this.#send(aboutObject("get", kind, ref, {}), signal);

  readonly find: KubeClient["find"] = async (kind, ref, signal) => await orUndefined(this.get(kind, ref, signal));

  readonly findMetadata: KubeClient["findMetadata"] = async (kind, ref, signal) =>
    await orUndefined(this.#send({ ...aboutObject("get", kind, ref, {}), accept: METADATA_ONLY }, signal));

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions, signal: AbortSignal): Promise<ObjectList<T>> {
    const query = { limit: options.limit, continue: options.continueToken, ...selection(options) };
    const request = aboutCollection("list", kind, options, query);
    const { items, metadata } = JSON.parse(await this.#transport.call(request, signal)) as {
      items: Live<T>[] | null;
      metadata: { resourceVersion: string; continue?: string };
    };
    const { apiVersion } = kind;
    // The API server leaves apiVersion and kind out of the items of a list, and only there.
    const named = (items ?? []).map((item) => ({ apiVersion, kind: kind.kind, ...item }));
    const continueToken = metadata.continue === "" ? undefined : metadata.continue;
    return { items: named, resourceVersion: metadata.resourceVersion, continueToken };
  }

  readonly create: KubeClient["create"] = async (kind, manifest, options, signal) => {
    const ref = refOfManifest(kind, manifest);
    const query = this.#writeQuery(options);
    const about =
      options.subresource === undefined
        ? aboutCollection("create", kind, ref, query, ref.name)
        : aboutObject("create", kind, ref, query, options.subresource);
    return await this.#send({ ...about, body: bodyOf(kind, manifest), beforeAttempt: options.beforeAttempt }, signal);
  };

  readonly apply: KubeClient["apply"] = async (kind, manifest, options, signal) => {
    const ref = refOfManifest(kind, manifest);
    const query = { ...this.#writeQuery(options), force: "true" };
    const resourceVersion = options.createOnly === true ? RESOURCE_VERSION_OF_NO_OBJECT : options.resourceVersion;
    const metadata = resourceVersion === undefined ? {} : { resourceVersion };
    const request = {
      ...aboutObject("apply", kind, ref, query, options.subresource),
      body: bodyOf(kind, { ...manifest, metadata: { ...manifest.metadata, ...metadata } }),
      contentType: "application/apply-patch+yaml",
      beforeAttempt: options.beforeAttempt,
      repeatable: options.createOnly !== true, // its own first attempt would refuse the second
    };
    try {
      return await this.#send(request, signal);
    } catch (error) {
      throw applyError(error, kind, ref, options.createOnly === true);
    }
  };

  readonly replace: KubeClient["replace"] = async (kind, manifest, options, signal) => {
    const ref = refOfManifest(kind, manifest);
    const about = aboutObject("update", kind, ref, this.#writeQuery(options), options.subresource);
    return await this.#send({ ...about, body: bodyOf(kind, manifest), beforeAttempt: options.beforeAttempt }, signal);
  };

  readonly patch: KubeClient["patch"] = async (kind, ref, patch, options, signal) => {
    const request = {
      ...aboutObject("patch", kind, ref, this.#writeQuery(options), options.subresource),
      body: JSON.stringify(patch.kind === "Json" ? patch.operations : patch.body),
      contentType: PATCH_TYPES[patch.kind],
      beforeAttempt: options.beforeAttempt,
    };
    return await this.#send(request, signal);
  };

  readonly remove: KubeClient["remove"] = async (kind, ref, options, signal) => {
    const { uid, resourceVersion, propagationPolicy, beforeAttempt } = options;
    const body = JSON.stringify({
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid, resourceVersion },
      propagationPolicy,
    });
    return unlessGone(await this.#send({ ...aboutObject("delete", kind, ref, {}), body, beforeAttempt }, signal));
  };

  async *watch<T extends KubeObject>(
    kind: Kind<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const request = aboutCollection("watch", kind, options, {
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: options.timeoutSeconds,
      ...selection(options),
      ...(options.sendInitialEvents === true
        ? { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" }
        : {}),
    });
    const stream = await this.#transport.open(request, signal);
    options.onBytes?.(0);
    const turns = new EventLoopTurns();
    for await (const line of lines(observed(stream, options.onBytes))) {
      const event = JSON.parse(line) as WatchEvent<T> | { readonly type: "ERROR"; readonly object: object };
      if (event.type === "ERROR") throw statusError(request.description, event.object);
      yield event;
      await turns.turn();
    }
  }

  async getText(path: string, signal: AbortSignal): Promise<string> {
    const request = { verb: "get", description: `get ${path}`, resource: path, path } as const;
    return await this.#transport.call({ ...request, accept: "*/*" }, signal);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** The edge of parsed JSON: what the API server sends for a kind has the type of that kind. */
  async #send<T extends KubeObject>(request: ApiRequest, signal: AbortSignal): Promise<Live<T>> {
    return JSON.parse(await this.#transport.call(request, signal)) as Live<T>;
  }

  #writeQuery({ fieldManager = this.#fieldManager, dryRun = false }: WriteOptions): Query {
    return { fieldManager, fieldValidation: "Strict", dryRun: dryRun ? "All" : undefined };
  }
}

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * For some kinds the response to a deletion is a Status, for others the previous object: only one with a
 * deletionTimestamp still exists.
 */
function unlessGone<T extends KubeObject>(object: Live<T>): Live<T> | undefined {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  const kept = deletionTimestamp !== undefined && (finalizers.length > 0 || deletionGracePeriodSeconds > 0);
  return kept ? object : undefined;
}

/** A manifest as JSON; it may omit what its kind implies. */
function bodyOf({ apiVersion, kind }: Kind, manifest: object): string {
  return JSON.stringify({ apiVersion, kind, ...manifest });
}

async function* observed(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: ((count: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    onBytes?.(chunk.length);
    yield chunk;
  }
}
