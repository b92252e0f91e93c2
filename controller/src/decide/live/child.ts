import { ANNOTATIONS, API_VERSION, KIND, LABELS } from "@amalthea/api";
import type { LiveTarget } from "../decision.ts";
import { objectOf, valueAt, type JsonObject } from "../values/json.ts";
import type { LiveChild, Observed } from "./observed.ts";
import { groupKind, type OfKind } from "../values/group-kind.ts";

/** Kinds of the built-in children; patches may add more objects of these kinds. */
export const OWN_KINDS: readonly { readonly apiVersion: string; readonly kind: string }[] = [
  { apiVersion: "v1", kind: "Service" },
  { apiVersion: "v1", kind: "ConfigMap" },
  { apiVersion: "v1", kind: "Secret" },
  { apiVersion: "v1", kind: "PersistentVolumeClaim" },
  { apiVersion: "apps/v1", kind: "StatefulSet" },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress" },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
];

/** Whether an object is of the kind of a built-in child, in any version. */
export function isOwnKind(child: OfKind): boolean {
  return OWN_KINDS.some((one) => groupKind(one) === groupKind(child));
}

/** A manifest's or an object's identity inside its namespace. */
type Named = { readonly apiVersion: string; readonly kind: string; readonly metadata: { readonly name: string } };

/** The live object that a manifest describes; undefined if there is none. */
export function findLive(observed: Observed, manifest: Named): LiveChild | undefined {
  return observed.children.find((child) => isSameObject(child, manifest));
}

/** Whether two of one namespace are the same object, whatever the version of the API. */
export function isSameObject(left: Named, right: Named): boolean {
  return groupKind(left) === groupKind(right) && left.metadata.name === right.metadata.name;
}

/** The server's live StatefulSet, ours or 0.24's. */
export function liveStatefulSet(observed: Observed): LiveChild | undefined {
  const metadata = { name: observed.server.metadata.name };
  return findLive(observed, { apiVersion: "apps/v1", kind: "StatefulSet", metadata });
}

/** The pod spec in a StatefulSet. */
export function podSpecOf(statefulSet: unknown): Readonly<JsonObject> {
  return objectOf(valueAt(statefulSet, "spec", "template", "spec"));
}

/** The annotations of the template in the server's live StatefulSet. */
export function templateAnnotations(observed: Observed): unknown {
  return valueAt(liveStatefulSet(observed)?.spec, "template", "metadata", "annotations");
}

/** `spec.replicas` of a live StatefulSet. */
export function replicasOf(statefulSet: LiveChild): number {
  const replicas = valueAt(statefulSet.spec, "replicas");
  return typeof replicas === "number" ? replicas : 1; // the API server's default
}

/** Child key of a live object; undefined if it is not a child. */
export function childKeyOf({ metadata }: LiveChild): string | undefined {
  return metadata.labels?.[LABELS.childKey];
}

/** Whether what was last desired of a child is what is desired now. */
export function isMadeAs(desiredHash: string, { metadata }: LiveChild): boolean {
  return metadata.annotations?.[ANNOTATIONS.desiredHash] === desiredHash;
}

/** Whether a child is being deleted. */
export function isTerminating({ metadata }: LiveChild): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** Address of a live object for an action on it. */
export function targetOf({
  apiVersion,
  kind,
  metadata,
}: Pick<LiveChild, "apiVersion" | "kind" | "metadata">): LiveTarget {
  const { namespace, name, uid } = metadata;
  return { apiVersion, kind, namespace, name, uid };
}

/** Address of the server itself. */
export function serverTarget({ metadata }: Observed["server"]): LiveTarget {
  return targetOf({ apiVersion: API_VERSION, kind: KIND, metadata });
}
