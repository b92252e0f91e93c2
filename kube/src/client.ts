import { NotLeaderError } from "./errors.ts";
import type { Kind } from "./kinds.ts";
import type { KubeObject, Live, WriteBody, ObjectRef } from "./objects.ts";

export type ListOptions = {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects per page; absent: all at once. */
  readonly limit?: number | undefined;
  /** `ObjectList.continueToken` of the page before. */
  readonly continueToken?: string | undefined;
  /** Absent: the newest state. Any other value is a lower bound. */
  readonly resourceVersion?: string | undefined;
};

export type ObjectList<T extends KubeObject> = {
  readonly items: readonly Live<T>[];
  readonly resourceVersion: string;
  /** Present if there are more pages. */
  readonly continueToken?: string | undefined;
};

export type WatchOptions = Omit<ListOptions, "limit" | "continueToken"> & {
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number;
  /** Requests all existing objects first (WatchList). */
  readonly sendInitialEvents?: boolean | undefined;
  /** Called with 0 when the response begins, and then for everything that arrives, even a part of an event. */
  readonly onBytes?: ((count: number) => void) | undefined;
};

/** One line of a watch, as the API server writes it. `ERROR` is thrown as an `ApiError` instead. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Live<T> }
  | { readonly type: "BOOKMARK"; readonly object: Live };

/** Options of every write. */
type Guarded = {
  /** Called when an attempt is about to be sent; if it throws a NotLeaderError, that is thrown, and nothing is sent. */
  readonly beforeAttempt?: (() => void) | undefined;
};

export type WriteOptions = Guarded & {
  /** Name under which the API server records who set a field; absent: the name of the client. */
  readonly fieldManager?: string | undefined;
  /** Dry run: validates and responds, but stores nothing. */
  readonly dryRun?: boolean | undefined;
  readonly subresource?: "status" | "scale" | "resize" | "token" | undefined;
};

export type ApplyOptions = WriteOptions & {
  /** Fails with an error for which `isAlreadyExists` holds, instead of taking over an existing object. */
  readonly createOnly?: boolean | undefined;
  /** Changes only this version of the object (409 otherwise). */
  readonly resourceVersion?: string | undefined;
};

export type RemoveOptions = Guarded & {
  /** Removes only this very object, not a later one of the same name (409 otherwise). */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan" | undefined;
};

/** A change to an existing object. `Merge` and `Strategic` carry a part of the object. */
export type Patch =
  | { readonly kind: "Merge" | "Strategic"; readonly body: object }
  | { readonly kind: "Json"; readonly operations: readonly object[] };

/** Sends an object. @returns It as the API server stores it. */
type Write<Options> = <T extends KubeObject>(
  kind: Kind<T>,
  manifest: NoInfer<T> | WriteBody,
  options: Options,
  signal: AbortSignal,
) => Promise<Live<T>>;

/**
 * Calls the API server. Every call ends with its signal, has a time limit, and throws `ApiError` if the server refuses,
 * `ConnectionError` if there is no response. Only what cannot take effect twice is retried inside.
 */
export interface KubeClient {
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, signal: AbortSignal): Promise<Live<T>>;
  /** `get`, with undefined for an object that is not there. */
  find<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, signal: AbortSignal): Promise<Live<T> | undefined>;
  /** The metadata of an object, undefined if it is not there; for a Secret, whose values are then not read. */
  findMetadata(kind: Kind, ref: ObjectRef, signal: AbortSignal): Promise<Live | undefined>;
  /** One page. */
  list<T extends KubeObject>(kind: Kind<T>, options: ListOptions, signal: AbortSignal): Promise<ObjectList<T>>;
  /** Creates an object, or a subresource of one, as a token of a service account is. */
  readonly create: Write<WriteOptions>;
  /**
   * Server-side apply: creates the object, or sets the given fields, including those that another manager has set, and
   * releases those that are no longer given.
   */
  readonly apply: Write<ApplyOptions>;
  /** Writes the whole object; with a resourceVersion in it only if nobody else wrote in between (409 otherwise). */
  readonly replace: Write<WriteOptions>;
  patch<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    patch: Patch,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<Live<T>>;
  /**
   * Deletes.
   * @returns The object while a finalizer or a grace period keeps it; undefined if it is gone.
   * @throws ApiError 404 if it was not there, 409 if `uid` is another's.
   */
  remove<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    options: RemoveOptions,
    signal: AbortSignal,
  ): Promise<Live<T> | undefined>;
  /** One watch, until the server or the signal ends it; `Informer` keeps watching. */
  watch<T extends KubeObject>(
    kind: Kind<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined>;
  /** GET of a path that has no kind: `/version`, `/readyz`, a pod's log. */
  getText(path: string, signal: AbortSignal): Promise<string>;
  /** Ends all calls and connections. */
  close(): Promise<void>;
}

/** What `ClientOptions.onResult` gets after each attempt of each call. */
export type CallResult = {
  readonly verb: "get" | "list" | "watch" | "create" | "apply" | "update" | "patch" | "delete";
  /** Plural of the kind, or the path for `getText`. */
  readonly resource: string;
  /** API group of the kind; empty for the core group and for `getText`. */
  readonly group: string;
  readonly subresource: string;
  /** HTTP status code; 0 if there was no response. */
  readonly code: number;
  /** Until the end of the response; for a watch until its headers. */
  readonly durationMs: number;
  /** The server's time when it responded, to the second; undefined if it did not say. */
  readonly serverTime: Date | undefined;
  /** Bytes of the response's body; 0 for a watch. */
  readonly bytes: number;
  /** 1 for the first. */
  readonly attempt: number;
};

/**
 * A client whose writes throw `NotLeaderError` unless `mayWrite` holds at that moment, and whenever a request is sent or
 * retried: a process that was stopped or blocked, or waited for a connection, for longer than its lease lasts begins no
 * write. One that it was sending at that moment may still arrive.
 */
export function fenced(client: KubeClient, mayWrite: () => boolean): KubeClient {
  const beforeAttempt = (): void => {
    if (!mayWrite()) throw new NotLeaderError("this process does not hold the lease: nothing was written");
  };
  const guarded = <Options extends Guarded>(options: Options): Options => {
    beforeAttempt();
    return { ...options, beforeAttempt };
  };
  return {
    get: (kind, ref, signal) => client.get(kind, ref, signal),
    find: (kind, ref, signal) => client.find(kind, ref, signal),
    findMetadata: (kind, ref, signal) => client.findMetadata(kind, ref, signal),
    list: (kind, options, signal) => client.list(kind, options, signal),
    watch: (kind, options, signal) => client.watch(kind, options, signal),
    getText: (path, signal) => client.getText(path, signal),
    close: () => client.close(),
    create: async (kind, manifest, options, signal) => client.create(kind, manifest, guarded(options), signal),
    apply: async (kind, manifest, options, signal) => client.apply(kind, manifest, guarded(options), signal),
    replace: async (kind, manifest, options, signal) => client.replace(kind, manifest, guarded(options), signal),
    patch: async (kind, ref, patch, options, signal) => client.patch(kind, ref, patch, guarded(options), signal),
    remove: async (kind, ref, options, signal) => client.remove(kind, ref, guarded(options), signal),
  };
}
