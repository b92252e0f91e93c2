import type { CustomResourceDefinition } from "kubernetes-types/apiextensions/v1.js";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Lease } from "kubernetes-types/coordination/v1.js";
import type {
  ConfigMap,
  Event as CoreEvent,
  Namespace,
  PersistentVolumeClaim,
  Pod,
  Secret,
  Service,
} from "kubernetes-types/core/v1.js";
import type { Event } from "kubernetes-types/events/v1.js";
import type { Ingress, IngressClass, NetworkPolicy } from "kubernetes-types/networking/v1.js";
import type { KubeObject, ObjectRef } from "./objects.ts";

declare const objectType: unique symbol;

/** A kind of object and its place in the API. A table instead of discovery: no calls, and nothing that can fail. */
export type Kind<T extends KubeObject = KubeObject> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: it ties the TypeScript type to the value. */
  readonly [objectType]?: T;
};

/** Defines a kind that is not in `kinds`, a custom resource for instance. Namespaced by default. */
export function defineKind<T extends KubeObject>(definition: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced?: boolean;
}): Kind<T> {
  return { namespaced: true, ...definition };
}

/** The built-in kinds that a controller of ours touches. */
export const kinds: {
  readonly Pod: Kind<Pod>;
  readonly Secret: Kind<Secret>;
  readonly ConfigMap: Kind<ConfigMap>;
  readonly Service: Kind<Service>;
  readonly PersistentVolumeClaim: Kind<PersistentVolumeClaim>;
  readonly Namespace: Kind<Namespace>;
  /** Events as they are written today. */
  readonly Event: Kind<Event>;
  /** The same objects as the core group shows them, with `involvedObject` and `message`. */
  readonly CoreEvent: Kind<CoreEvent>;
  readonly StatefulSet: Kind<StatefulSet>;
  readonly Ingress: Kind<Ingress>;
  readonly IngressClass: Kind<IngressClass>;
  readonly NetworkPolicy: Kind<NetworkPolicy>;
  readonly Lease: Kind<Lease>;
  readonly CustomResourceDefinition: Kind<CustomResourceDefinition>;
} = {
  Pod: defineKind({ apiVersion: "v1", kind: "Pod", plural: "pods" }),
  Secret: defineKind({ apiVersion: "v1", kind: "Secret", plural: "secrets" }),
  ConfigMap: defineKind({ apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" }),
  Service: defineKind({ apiVersion: "v1", kind: "Service", plural: "services" }),
  PersistentVolumeClaim: defineKind({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    plural: "persistentvolumeclaims",
  }),
  Namespace: defineKind({ apiVersion: "v1", kind: "Namespace", plural: "namespaces", namespaced: false }),
  Event: defineKind({ apiVersion: "events.k8s.io/v1", kind: "Event", plural: "events" }),
  CoreEvent: defineKind({ apiVersion: "v1", kind: "Event", plural: "events" }),
  StatefulSet: defineKind({ apiVersion: "apps/v1", kind: "StatefulSet", plural: "statefulsets" }),
  Ingress: defineKind({ apiVersion: "networking.k8s.io/v1", kind: "Ingress", plural: "ingresses" }),
  IngressClass: defineKind({
    apiVersion: "networking.k8s.io/v1",
    kind: "IngressClass",
    plural: "ingressclasses",
    namespaced: false,
  }),
  NetworkPolicy: defineKind({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", plural: "networkpolicies" }),
  Lease: defineKind({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases" }),
  CustomResourceDefinition: defineKind({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    namespaced: false,
  }),
};

/** The built-in kind that a manifest names, or undefined if it is not in the table. */
export function kindOf(manifest: { readonly apiVersion: string; readonly kind: string }): Kind | undefined {
  return (Object.values(kinds) as readonly Kind[]).find(
    (kind) => kind.apiVersion === manifest.apiVersion && kind.kind === manifest.kind,
  );
}

/**
 * The path of a collection (`name` absent), an object or a subresource.
 * @throws TypeError if an object of a namespaced kind has no namespace.
 */
export function pathOf(kind: Kind, ref: Partial<ObjectRef>, subresource?: string): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  if (kind.namespaced && ref.namespace === undefined && ref.name !== undefined) {
    throw new TypeError(`${kind.kind} "${ref.name}" has no namespace`);
  }
  const scope =
    kind.namespaced && ref.namespace !== undefined ? `/namespaces/${encodeURIComponent(ref.namespace)}` : "";
  const name = ref.name === undefined ? "" : `/${encodeURIComponent(ref.name)}`;
  return `${root}${scope}/${kind.plural}${name}${subresource === undefined ? "" : `/${subresource}`}`;
}
