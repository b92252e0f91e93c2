import { type JupyterServer, LABELS } from "@amalthea/api";
import { type Clock, Informer, keyOf, type Kind, kinds, type KubeClient, type Logger } from "@amalthea/kube";
import type { KubeObject, Live, ObjectKey, Store, StoreChange } from "@amalthea/kube";
import type { Event as CoreEvent, Namespace, Pod, ResourceQuota } from "kubernetes-types/core/v1.js";
import type { IngressClass } from "kubernetes-types/networking/v1.js";
import { valueAt } from "../decide/values/json.ts";
import { CHILD_KINDS, QUOTA_KIND, SERVER_KIND } from "../kinds.ts";
import { childContent, eventContent, identityOf, outlineOf, podContent, serverContent } from "./informer-transforms.ts";
import { withoutRest } from "./namespace-policy.ts";
import { OptionalInformer } from "./optional-informer.ts";
import { inNamespaceOf, parentUids } from "./owner.ts";
import { quotaContent } from "./quota-memory.ts";
import { ServerAges } from "./server-ages.ts";

/**
 * The Events with information that no object has. Field selectors have no "or", hence one watch for each line. Of the
 * many warnings about pods, those that the statuses of containers repeat are omitted: they are the frequent ones.
 */
const EVENT_SELECTORS: readonly string[] = [
  "involvedObject.kind=StatefulSet,reason=FailedCreate",
  "involvedObject.kind=PersistentVolumeClaim,type=Warning",
  "involvedObject.kind=Pod,reason=TriggeredScaleUp",
  "involvedObject.kind=Pod,reason=Nominated",
  "involvedObject.kind=Pod,type=Warning,reason!=BackOff,reason!=Unhealthy,reason!=Failed",
];

/** Per selector. Anyone who may create Events in a namespace must not fill our memory with them. */
const EVENTS_PER_NAMESPACE = 1_000;

/** Of kinds whose objects users can make as large as the API server takes: a page is in memory as a whole. */
const PAGE_SIZE = 50;

export type CachesOptions = {
  readonly client: KubeClient;
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  /** Kinds besides our own that patches may add. */
  readonly extraKinds: readonly Kind[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFailure: (kind: string, error: unknown) => void;
  /** Whether Namespaces and IngressClasses are watched, which needs cluster-wide permissions. */
  readonly watchClusterScoped: boolean;
};

/** One watched kind, whatever its type. */
export type Watched = Pick<Informer<KubeObject>, "run" | "isConnected" | "silentMs"> & {
  readonly store: Store<KubeObject>;
};

/** All informers. Every replica fills its stores, so that a new leader starts without listing. */
export class Caches {
  readonly servers: Informer<KubeObject>;
  readonly ages: ServerAges = new ServerAges();
  /** Those of which not all is kept. */
  readonly #outlines = new WeakSet<object>();
  readonly pods: Informer<Pod>;
  readonly children: readonly Informer<KubeObject>[];
  readonly events: readonly Informer<CoreEvent>[];
  /** They only show that a refusal may be over: nothing waits for them, and they may be unreadable. */
  readonly quotas: Informer<ResourceQuota>;
  /** Both undefined where kinds without a namespace are not watched. */
  readonly #namespaces: OptionalInformer<Namespace> | undefined;
  readonly #ingressClasses: OptionalInformer<IngressClass> | undefined;

  constructor(options: CachesOptions) {
    const { client, namespaces, clock, logger, onFailure } = options;
    const shared = { client, namespaces, clock, logger, onFailure };
    const parent = (object: Live): readonly string[] => parentUids(object).map((uid) => inNamespaceOf(object, uid));
    const indexes = { uid: uidOf, parent };
    const ofServers = {
      ...shared,
      ...{ labelSelector: LABELS.parentUid, indexes, transform: childContent, pageSize: PAGE_SIZE },
    };
    this.servers = new Informer({
      ...shared,
      kind: SERVER_KIND,
      pageSize: PAGE_SIZE,
      keepManagedFields: true,
      transform: (server) => this.#keptOf(serverContent(server)),
      indexes: { uid: uidOf, namespace: (server) => [server.metadata.namespace ?? ""] },
    });
    this.servers.store.subscribe((change) => this.ages.update(change));
    this.quotas = new Informer<ResourceQuota>({ ...shared, kind: QUOTA_KIND, transform: quotaContent });
    if (options.watchClusterScoped) {
      this.#namespaces = new OptionalInformer({ ...shared, kind: kinds.Namespace, transform: withoutRest });
      this.#ingressClasses = new OptionalInformer({ ...shared, kind: kinds.IngressClass, transform: nameOnly });
    }
    this.pods = new Informer<Pod>({ ...ofServers, kind: kinds.Pod, transform: podContent });
    this.children = [...CHILD_KINDS, ...options.extraKinds].map((kind) => new Informer({ ...ofServers, kind }));
    this.events = EVENT_SELECTORS.map(
      (fieldSelector) =>
        new Informer<CoreEvent>({
          ...shared,
          kind: kinds.CoreEvent,
          fieldSelector,
          transform: eventContent,
          maxPerNamespace: EVENTS_PER_NAMESPACE,
          indexes: { regarding: (event) => [inNamespaceOf(event, event.involvedObject.uid ?? "")] },
        }),
    );
  }

  /** Everything, for health and metrics. */
  get all(): readonly Watched[] {
    return [this.servers, ...this.owned, ...this.events];
  }

  /** What belongs to a server. */
  get owned(): readonly Watched[] {
    return [this.pods, ...this.children];
  }

  get synced(): boolean {
    return this.incomplete.length === 0;
  }

  /** Plurals of the kinds that are not synced yet. */
  get incomplete(): readonly string[] {
    return this.all.filter(({ store }) => !store.synced).map(({ store }) => store.kind.plural);
  }

  /** Watches until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const unrequired = [this.quotas, ...this.#clusterScoped];
    await Promise.all([...this.all, ...unrequired].map((informer) => informer.run(signal)));
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    await Promise.all([
      ...this.all.map((informer) => informer.store.waitForSync(signal)),
      ...this.#clusterScoped.map((informer) => informer.waitUntilTried(signal)),
    ]);
  }

  /** A server with its metadata that tell it from others, the route it asks for, and its status; see `isWhole`. */
  server(key: ObjectKey): JupyterServer | undefined {
    return asServer(this.servers.store.get(key));
  }

  /** Whether all of a server is kept, or it has to be read before decisions are made about it. */
  isWhole(server: JupyterServer): boolean {
    return !this.#outlines.has(server);
  }

  listServers(): readonly JupyterServer[] {
    return [...this.servers.store.list()].map((object) => object as unknown as JupyterServer); // see `asServer`
  }

  /** The servers of a namespace, in no order. */
  serversIn(namespace: string): readonly JupyterServer[] {
    return this.servers.store.byIndex("namespace", namespace).map((object) => object as unknown as JupyterServer); // see `asServer`
  }

  namespace(name: string): Live<Namespace> | undefined {
    return this.#namespaces?.store.get(name as ObjectKey);
  }

  /** False also where it is not known. */
  isIngressClassMissing(name: string): boolean {
    const store = this.#ingressClasses?.store;
    return store !== undefined && store.synced && store.get(name as ObjectKey) === undefined;
  }

  /** An object of a watched kind. */
  find(kind: Kind, key: ObjectKey): Live | undefined {
    return this.#informerOf(kind)?.store.get(key);
  }

  /** Stores the response to a write of ours for the next reconcile; kinds that are not watched are ignored. */
  recordWrite(kind: Kind, object: Live): void {
    this.#informerOf(kind)?.store.recordWrite(object);
  }

  /** Removes an object that we deleted. */
  recordRemoval(kind: Kind, key: ObjectKey, uid: string): void {
    this.#informerOf(kind)?.store.recordRemoval(key, uid);
  }

  /** Calls back with the key of each server that a change concerns, synchronously. */
  subscribe(listener: (key: ObjectKey, change: StoreChange<KubeObject>) => void): void {
    this.servers.store.subscribe((change) => listener(change.key, change));
    const namespaceOf = ({ current, previous }: StoreChange<KubeObject>): string | undefined =>
      (current ?? previous)?.metadata.namespace;
    const tell = (
      uids: readonly string[],
      change: StoreChange<KubeObject>,
      namespace: string | undefined = namespaceOf(change),
    ): void => {
      for (const server of [...new Set(uids)].flatMap((uid) => this.servers.store.byIndex("uid", uid))) {
        // Labels may say anything: those of another namespace are ignored.
        if (server.metadata.namespace === namespace) listener(keyOf(server), change);
      }
    };
    for (const { store } of this.owned) {
      store.subscribe((change) => tell(objectsOf(change).flatMap(parentUids), change));
    }
    this.#namespaces?.store.subscribe((change) => {
      const name = (change.current ?? change.previous)?.metadata.name ?? "";
      for (const server of this.serversIn(name)) listener(keyOf(server), change);
    });
    this.#ingressClasses?.store.subscribe((change) => {
      if (change.previous !== undefined && change.current !== undefined) return;
      const name = (change.current ?? change.previous)?.metadata.name;
      for (const ingress of this.#informerOf(kinds.Ingress)?.store.list() ?? []) {
        const isOfClass = valueAt(ingress, "spec", "ingressClassName") === name;
        if (isOfClass) tell(parentUids(ingress), change, ingress.metadata.namespace);
      }
    });
    for (const { store } of this.events) {
      store.subscribe((change) => {
        // An expired Event changes nothing.
        if (change.current !== undefined) tell(this.#parentsOf(change.current.involvedObject.uid ?? ""), change);
      });
    }
  }

  /** uids of the servers that the pod, StatefulSet or claim of this uid belongs to. */
  #parentsOf(uid: string): readonly string[] {
    return this.owned.flatMap(({ store }) => store.byIndex("uid", uid).flatMap(parentUids));
  }

  get #clusterScoped(): readonly Pick<OptionalInformer<KubeObject>, "run" | "waitUntilTried">[] {
    return [this.#namespaces, this.#ingressClasses].filter((informer) => informer !== undefined);
  }

  #keptOf(server: Live): Live {
    const outline = outlineOf(server);
    if (outline !== undefined) this.#outlines.add(outline);
    return outline ?? server;
  }

  #informerOf(kind: Kind): Watched | undefined {
    return this.all.find(({ store }) => store.kind.kind === kind.kind && store.kind.apiVersion === kind.apiVersion);
  }
}

/** Of an IngressClass only its name is read. */
function nameOnly({ metadata }: Live<IngressClass>): Live<IngressClass> {
  return { metadata: identityOf(metadata) };
}

/** The object as what the schema of its CRD ensures. */
export function asServer(object: Live | undefined): JupyterServer | undefined {
  return object as unknown as JupyterServer | undefined;
}

function uidOf(object: Live): readonly string[] {
  return [object.metadata.uid];
}

function objectsOf(change: StoreChange<KubeObject>): readonly KubeObject[] {
  return [change.previous, change.current].filter((object) => object !== undefined);
}
