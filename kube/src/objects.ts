import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

/** Any object of the API, as plain JSON: fields that we have no type for stay in it, and timestamps are strings. */
export type KubeObject = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
};

/** What the API server sets in every object that it returns. */
export type LiveMetadata = {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
};

/** An object as the API server returned it. It is never changed: objects of a store are shared by all readers. */
export type Live<T extends KubeObject = KubeObject> = T & { readonly metadata: LiveMetadata };

/** An object as we send it. Its name must be set; the namespace too, where the kind has one. */
export type WriteBody = {
  readonly metadata?: { readonly name?: string | undefined; readonly namespace?: string | undefined } | undefined;
};

/** Where an object is. `namespace` is absent exactly for kinds without one. */
export type ObjectRef = { readonly name: string; readonly namespace?: string | undefined };

/** `namespace/name`, or `name` for kinds without namespace: the key of stores and queues. */
export type ObjectKey = string & { readonly __brand: "ObjectKey" };

/** The key of an object or a reference. */
export function keyOf(ref: ObjectRef | { readonly metadata: ObjectRef }): ObjectKey {
  const { name, namespace } = "metadata" in ref ? ref.metadata : ref;
  return (namespace === undefined ? name : `${namespace}/${name}`) as ObjectKey; // the brand's only source
}

/**
 * Compares two resourceVersions of the same resource: below 0 if `a` is older, 0 if equal, above 0 if newer.
 * They are decimal integers without size bound, so the longer is the newer one.
 * @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version
 */
export function compareResourceVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
