import { groupKind, type OfKind } from "../values/group-kind.ts";
import { isObject, valueAt } from "../values/json.ts";
import type { PodParts } from "./pod-security.ts";

/** A pod that a child creates, and its path in the child: empty, or ending in a dot. */
export type PodTemplate = { readonly at: string; readonly pod: PodParts };

/** Paths of the pod templates in the kinds of Kubernetes. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  "/Pod": [],
  "/PodTemplate": ["template"],
  "/ReplicationController": ["spec", "template"],
  "apps/ReplicaSet": ["spec", "template"],
  "apps/Deployment": ["spec", "template"],
  "apps/StatefulSet": ["spec", "template"],
  "apps/DaemonSet": ["spec", "template"],
  "batch/Job": ["spec", "template"],
  "batch/CronJob": ["spec", "jobTemplate", "spec", "template"],
};

/** How deep templates are searched for in a kind that is not Kubernetes' own. */
const MAX_DEPTH = 8;

/**
 * The pods that a child creates. In a kind that is not Kubernetes' own, everything with a list `containers` in its `spec`
 * counts as the template of one: custom resources (training jobs, workflows) follow that form.
 */
export function podTemplatesOf(child: OfKind): readonly PodTemplate[] {
  const path = TEMPLATES[groupKind(child)];
  if (path === undefined) return templatesWithin(child, [], 0);
  const pod = path.length === 0 ? child : valueAt(child, ...path);
  return isObject(pod) ? [{ at: prefixOf(path), pod }] : [];
}

function templatesWithin(value: unknown, path: readonly string[], depth: number): readonly PodTemplate[] {
  if (depth > MAX_DEPTH) return [];
  if (Array.isArray(value))
    return value.flatMap((part, index) => templatesWithin(part, [...path, `${index}`], depth + 1));
  if (!isObject(value)) return [];
  if (Array.isArray(valueAt(value, "spec", "containers"))) return [{ at: prefixOf(path), pod: value }];
  return Object.entries(value).flatMap(([key, part]) => templatesWithin(part, [...path, key], depth + 1));
}

function prefixOf(path: readonly string[]): string {
  return path.map((key) => `${key}.`).join("");
}
