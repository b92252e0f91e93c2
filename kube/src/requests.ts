import type { ListOptions } from "./client.ts";
import { type Kind, pathOf } from "./kinds.ts";
import { keyOf, type WriteBody, type ObjectRef } from "./objects.ts";
import type { ApiRequest } from "./transport.ts";

/** The query of a request; what is undefined is left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** A request about one object. */
export function aboutObject(
  verb: ApiRequest["verb"],
  kind: Kind,
  ref: ObjectRef,
  query: Query,
  subresource?: string,
): ApiRequest {
  const description = `${verb} ${kind.kind} ${keyOf(ref)}${subresource === undefined ? "" : `/${subresource}`}`;
  const path = pathOf(kind, ref, subresource) + queryString(query);
  return { verb, description, resource: kind.plural, group: groupOf(kind), subresource, path };
}

/** A request about all objects of a kind, or for a new one of this `name`. */
export function aboutCollection(
  verb: ApiRequest["verb"],
  kind: Kind,
  { namespace }: { readonly namespace?: string | undefined },
  query: Query,
  name = "",
): ApiRequest {
  const description = [verb, kind.kind, namespace === undefined ? name : `${namespace}/${name}`].join(" ").trimEnd();
  const path = pathOf(kind, { namespace }) + queryString(query);
  return { verb, description, resource: kind.plural, group: groupOf(kind), path };
}

function groupOf({ apiVersion }: Kind): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

function queryString(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? "" : `?${search}`;
}

/** The part of a query that says which objects. */
export function selection(options: Pick<ListOptions, "labelSelector" | "fieldSelector" | "resourceVersion">): Query {
  const { labelSelector, fieldSelector, resourceVersion } = options;
  return { labelSelector, fieldSelector, resourceVersion };
}

/** Where a manifest belongs. @throws TypeError if it does not say so. */
export function refOfManifest(kind: Kind, { metadata }: WriteBody): ObjectRef {
  const { name, namespace } = metadata ?? {};
  if (name === undefined) throw new TypeError(`a ${kind.kind} without a name cannot be written`);
  if (kind.namespaced && namespace === undefined) throw new TypeError(`${kind.kind} "${name}" has no namespace`);
  return { name, namespace };
}
