import { groupKind } from "../values/group-kind.ts";
import { isObject, listOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { excerpt } from "./patches.ts";

/**
 * Labels without a prefix that controllers of Kubernetes write on the pods that they make.
 *
 * @see https://kubernetes.io/docs/reference/labels-annotations-taints/
 */
const WRITTEN_LABELS: ReadonlySet<string> = new Set([
  "controller-revision-hash",
  "controller-uid",
  "job-name",
  "pod-template-generation",
  "pod-template-hash",
]);

/** Prefixes that Kubernetes keeps for itself; zone and region, which a pod gets from its node, have one of them too. */
const RESERVED_PREFIX = /^(?:[^/]*\.)?(?:kubernetes|k8s)\.io\//;

/** The one that users may set. */
const RECOMMENDED_PREFIX = "app.kubernetes.io/";

/** Operators by which a pod that gets a label is no longer selected. */
const NEGATIVE: readonly string[] = ["DoesNotExist", "NotIn"];

/**
 * Why a workload would release pods of its own: its selector depends on a label that is written after the pod was
 * created from the template. Kubernetes takes the owner from such a pod, which then outlives its server. Undefined if
 * it keeps all.
 */
export function workloadSelectorReason(child: JsonObject): string | undefined {
  if (groupKind(child) === "/ReplicationController") {
    return "the selector of a ReplicationController can change, and its pods would then be orphaned; use a Deployment";
  }
  for (const { path, selector } of selectorsWithin(child, [])) {
    const reason = selectorReason(selector);
    if (reason !== undefined) return `${path.join(".")}: ${reason}`;
  }
  return undefined;
}

type Found = { readonly path: readonly string[]; readonly selector: JsonObject };

/** Selectors next to a pod template. */
function* selectorsWithin(value: unknown, path: readonly string[]): Generator<Found> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* selectorsWithin(item, [...path, String(index)]);
    return;
  }
  const parts = objectOf(value);
  const { selector, template } = parts;
  if (isObject(selector) && isObject(template)) yield { path: [...path, "selector"], selector };
  for (const [key, part] of Object.entries(parts)) yield* selectorsWithin(part, [...path, key]);
}

function selectorReason(selector: JsonObject): string | undefined {
  const expressions = listOf(selector["matchExpressions"]);
  const keys = [
    ...Object.keys(selector), // of kinds that have a plain map
    ...Object.keys(objectOf(selector["matchLabels"])),
    ...expressions.map((expression) => String(valueAt(expression, "key"))),
  ];
  const written = keys.find(isWrittenByKubernetes);
  if (written !== undefined)
    return `the label ${excerpt(written)} is written by Kubernetes, and the pods would be orphaned; select by another one`;
  const negative = NEGATIVE.find((one) => expressions.some((expression) => valueAt(expression, "operator") === one));
  return negative === undefined
    ? undefined
    : `a label can be added later, and the pods would be orphaned; select by In or Exists, not ${negative}`;
}

function isWrittenByKubernetes(label: string): boolean {
  return WRITTEN_LABELS.has(label) || (RESERVED_PREFIX.test(label) && !label.startsWith(RECOMMENDED_PREFIX));
}
