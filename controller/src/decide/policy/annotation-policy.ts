import { isRouteChild } from "../live/routes.ts";
import { groupKind } from "../values/group-kind.ts";
import { isObject, objectOf, type JsonObject } from "../values/json.ts";
import { matchesAny } from "../values/pattern.ts";
import type { PolicySettings } from "./policy-settings.ts";

/** Names below a prefix. */
export function below(prefix: string, ...names: readonly string[]): readonly string[] {
  return names.map((name) => `${prefix}/${name}`);
}

/**
 * Annotations by which an object of any kind claims a DNS name, or requests: headless Services represent their pods
 * there, and so do pods themselves. From the documentation of external-dns, kOps, Emissary and Tailscale.
 */
export const SHARED_DENIED_ANNOTATIONS: readonly string[] = [
  ...below("external-dns.alpha.kubernetes.io", "*hostname*", "target", "set-identifier"),
  ...below("dns.alpha.kubernetes.io", "*"),
  ...below("getambassador.io", "*"),
  ...below("tailscale.com", "*"),
];

/** A child without the annotations that are not allowed, and their names. */
export type AllowedAnnotations = { readonly child: JsonObject; readonly refused: readonly string[] };

type Limits = PolicySettings["ingressAnnotations"];

/** Removes the annotations of an Ingress, a Service or a pod that are not allowed; undefined if there are none. */
export function allowedAnnotations(child: JsonObject, limits: Limits): AllowedAnnotations | undefined {
  const { denied, allowed } = isRouteChild(child) ? limits : { ...limits, denied: SHARED_DENIED_ANNOTATIONS };
  const isRefused = (name: string): boolean => matchesAny(name, denied) && !matchesAny(name, allowed);
  const path = pathOfMetadata(child);
  const result = path === undefined ? undefined : without(child, path, isRefused);
  return result === undefined || result.refused.length === 0 ? undefined : result;
}

/** Path of the annotations that programs outside of the cluster read; undefined if there are none. */
function pathOfMetadata(child: JsonObject): readonly string[] | undefined {
  if (isRouteChild(child) || groupKind(child) === "/Service") return [];
  return groupKind(child) === "apps/StatefulSet" ? ["spec", "template"] : undefined;
}

function without(
  object: JsonObject,
  [key, ...rest]: readonly string[],
  isRefused: (name: string) => boolean,
): AllowedAnnotations {
  if (key === undefined) return withoutOwn(object, isRefused);
  const part = object[key];
  if (!isObject(part)) return { child: object, refused: [] };
  const { child, refused } = without(part, rest, isRefused);
  return { child: { ...object, [key]: child }, refused };
}

function withoutOwn(object: JsonObject, isRefused: (name: string) => boolean): AllowedAnnotations {
  const metadata = objectOf(object["metadata"]);
  const entries = Object.entries(objectOf(metadata["annotations"]));
  const refused = entries.map(([name]) => name).filter(isRefused);
  if (refused.length === 0) return { child: object, refused };
  const annotations = Object.fromEntries(entries.filter(([name]) => !refused.includes(name)));
  return { child: { ...object, metadata: { ...metadata, annotations } }, refused: refused.toSorted() };
}
