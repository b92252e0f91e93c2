import { API_VERSION, KIND, LABELS } from "@amalthea/api";
import type { LiveTarget } from "../decision.ts";
import { objectOf, valueAt, type JsonObject } from "../values/json.ts";
import type { LiveChild, Observed } from "./observed.ts";
import { groupKind } from "../values/group-kind.ts";

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

type Addressed = Pick<LiveChild, "apiVersion" | "kind"> & {
  readonly metadata: Pick<LiveChild["metadata"], "namespace" | "name" | "uid">;
};

/** Whether a child is being deleted. */
export function isTerminating({ metadata }: LiveChild): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** Address of a live object for an action on it. */
export function targetOf({ apiVersion, kind, metadata }: Addressed): LiveTarget {
  const { namespace, name, uid } = metadata;
  return { apiVersion, kind, namespace, name, uid };
}

/** Address of the server itself. */
export function serverTarget({ metadata }: Observed["server"]): LiveTarget {
  return targetOf({ apiVersion: API_VERSION, kind: KIND, metadata });
}
