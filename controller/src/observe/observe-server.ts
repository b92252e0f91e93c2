import { LABELS } from "@amalthea/api";
import type { JupyterServer } from "@amalthea/api";
import { keyOf, type KubeObject, type Live } from "@amalthea/kube";
import type { Event as CoreEvent, Pod } from "kubernetes-types/core/v1.js";
import { childKeyOf } from "../decide/live/child.ts";
import type { LiveChild, Observed, ObservedEvent, RouteNeeds } from "../decide/live/observed.ts";
import type { PolicySettings } from "../decide/policy/policy-settings.ts";
import type { ActivityMemory } from "./activity-memory.ts";
import type { Caches } from "./caches.ts";
import type { FailureMemory } from "./failure-memory.ts";
import type { FormerPods } from "./former-pods.ts";
import { hibernatedAppliedBy } from "./informer-transforms.ts";
import { namespacePolicyOf } from "./namespace-policy.ts";
import { controllerOf } from "../decide/values/controller.ts";
import { controllingServer, inNamespaceOf } from "./owner.ts";
import type { QuotaMemory } from "./quota-memory.ts";
import type { RouteIndex } from "./route-index.ts";
import type { SecretMemory } from "./secret-memory.ts";
import type { TlsSecrets } from "./tls-secrets.ts";
import type { CredentialCheck } from "./credential-check.ts";
import type { UsageMemory } from "./usage-memory.ts";

/** What is known besides the caches; all of it is rebuilt after a restart. */
export type ObservedMemories = {
  readonly secrets: SecretMemory;
  readonly credentials: Pick<CredentialCheck, "isChanged">;
  readonly tlsSecrets: Pick<TlsSecrets, "isMissing">;
  readonly failures: FailureMemory;
  readonly routes: RouteIndex;
  readonly activity: ActivityMemory;
  readonly usage: Pick<UsageMemory, "of">;
  readonly formerPods: Pick<FormerPods, "of">;
  readonly quotas: Pick<QuotaMemory, "freedAt">;
  /** What applies created, and what they were found to change nothing of. */
  readonly applies: {
    readonly equivalentHash: (live: { readonly uid: string; readonly resourceVersion: string }) => string | undefined;
    readonly hasCreated: (uid: string) => boolean;
  };
};

export type ServerWithChildren = {
  readonly server: JupyterServer;
  readonly children: readonly LiveChild[];
  /** Of the children. */
  readonly needs: RouteNeeds;
};

/**
 * Gathers what is known of one server, without any API call.
 *
 * @param time Monotonic milliseconds for the age of what is remembered, and whether our clock is ahead of the API
 * server's.
 */
export function observeServer(
  { server, children, needs }: ServerWithChildren,
  { caches, memories, policy }: { caches: Caches; memories: ObservedMemories; policy: PolicySettings },
  { nowMs, isClockAhead }: { readonly nowMs: number; readonly isClockAhead: boolean },
): Observed {
  const { uid } = server.metadata;
  const pod = podOf(server, caches);
  const events = eventsAbout(server, [...children, ...(pod === undefined ? [] : [pod])], caches);
  return {
    server,
    children,
    pod: pod as Observed["pod"], // what a store holds has the metadata that the API server sets
    formerPod: memories.formerPods.of(uid),
    secret: memories.secrets.recall(uid, { pod, events }, nowMs),
    isClaimNew: children.some(
      (child) => childKeyOf(child) === "pvc" && memories.applies.hasCreated(child.metadata.uid),
    ),
    isCredentialChanged: memories.credentials.isChanged(server, pod),
    events,
    failures: memories.failures.of(uid, server.metadata.generation, nowMs),
    equivalent: equivalentHashes(children, memories.applies),
    quotaFreedAt: memories.quotas.freedAt(server.metadata.namespace),
    routeHolder: memories.routes.holderBefore(server),
    ruleTakenBy: (rule) => memories.routes.takenBy(server, rule),
    missing: missingOf(server, needs, { caches, memories }),
    namespacePolicy: namespacePolicyOf(caches.namespace(server.metadata.namespace), policy),
    activity: memories.activity.of(uid, pod?.metadata.uid),
    usage: memories.usage.of(pod?.metadata.uid ?? "", nowMs),
    hibernatedAppliedBy: hibernatedAppliedBy(caches.servers.store.get(keyOf(server.metadata))),
    isClockAhead,
    olderServers: policy.serversPerNamespace === 0 ? 0 : caches.ages.olderThan(server.metadata),
  };
}

function missingOf(
  server: JupyterServer,
  { ingressClasses, tlsSecrets }: RouteNeeds,
  { caches, memories }: { readonly caches: Caches; readonly memories: Pick<ObservedMemories, "tlsSecrets"> },
): RouteNeeds {
  return {
    ingressClasses: ingressClasses.filter((name) => caches.isIngressClassMissing(name)),
    tlsSecrets: tlsSecrets.filter((name) => memories.tlsSecrets.isMissing(server, name)),
  };
}

function equivalentHashes(
  children: readonly LiveChild[],
  applies: ObservedMemories["applies"],
): Observed["equivalent"] {
  const known = children.map(({ metadata }) => [metadata.uid, applies.equivalentHash(metadata)] as const);
  return new Map(known.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The objects that the server controls, and its claim also while it is kept without an owner. */
export function childrenOf(server: JupyterServer, caches: Pick<Caches, "owned">): readonly LiveChild[] {
  const { uid, name } = server.metadata;
  const isChild = (object: Live): boolean =>
    controllingServer(object) === uid || (isClaim(object, name) && controllerOf(object) === undefined);
  return caches.owned.flatMap(({ store }) =>
    store
      .byIndex("parent", inNamespaceOf(server, uid))
      .filter(isChild)
      // Objects of a list lack both; every reader needs them.
      .map(
        (object) => ({ apiVersion: store.kind.apiVersion, kind: store.kind.kind, ...object }) as unknown as LiveChild,
      ),
  );
}

function isClaim(object: KubeObject, name: string): boolean {
  return object.metadata?.name === name && object.metadata.labels?.[LABELS.childKey] === "pvc";
}

/** The pod of the server's StatefulSet; of several the newest. */
export function podOf(server: JupyterServer, caches: Pick<Caches, "pods">): Live<Pod> | undefined {
  const isMain = (pod: Live<Pod>): boolean => {
    const owner = controllerOf(pod);
    return owner?.kind === "StatefulSet" && owner.name === server.metadata.name;
  };
  return caches.pods.store
    .byIndex("parent", inNamespaceOf(server, server.metadata.uid))
    .filter(isMain)
    .toSorted((left, right) => right.metadata.creationTimestamp.localeCompare(left.metadata.creationTimestamp))[0];
}

function eventsAbout(
  server: JupyterServer,
  objects: readonly { readonly metadata: { readonly uid: string; readonly name: string } }[],
  caches: Caches,
): readonly ObservedEvent[] {
  const events = objects.flatMap(({ metadata }) =>
    caches.events
      .flatMap(({ store }) => store.byIndex("regarding", inNamespaceOf(server, metadata.uid)))
      .map((event) => asObserved(event, metadata.name)),
  );
  return events.toSorted((left, right) => left.lastSeen.getTime() - right.lastSeen.getTime());
}

function asObserved(event: Live<CoreEvent>, regardingName: string): ObservedEvent {
  return {
    reason: event.reason ?? "",
    message: event.message ?? "",
    regardingKind: event.involvedObject.kind ?? "",
    regardingName,
    lastSeen: new Date(event.lastTimestamp ?? event.metadata.creationTimestamp),
  };
}
