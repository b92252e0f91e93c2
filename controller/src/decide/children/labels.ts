import { API_VERSION, COMPONENT, KIND, LABELS, type JupyterServer } from "@amalthea/api";
import type { OwnerReference } from "../decision.ts";
import type { DecisionSettings } from "../settings.ts";

/** Maximum number of labels of a server: all of them are on each of its objects, and on its pod. */
export const MAX_LABELS = 500;

/** Whether a server has more labels than can be copied. */
export function hasTooManyLabels({ metadata }: JupyterServer): boolean {
  return Object.keys(metadata.labels ?? {}).length > MAX_LABELS;
}

/**
 * Labels of every object of a server: its own, overridden by the administrator's, and these by ours. A label that a
 * patch or a builder has set on the object itself overrides all but ours.
 */
export function labelsOf(
  server: JupyterServer,
  settings: DecisionSettings,
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return {
    ...(hasTooManyLabels(server) ? {} : server.metadata.labels),
    ...settings.selectorLabels,
    [LABELS.component]: COMPONENT,
    ...own,
    [LABELS.parentUid]: server.metadata.uid,
    [LABELS.parentName]: server.metadata.name,
  };
}

/**
 * Labels by which tools track what they created: Argo CD, ApplySets of kubectl and Rancher's Fleet delete what has them
 * and is not in what they apply. helm and Flux keep inventories.
 */
const TOOL_LABELS: readonly string[] = [
  "app.kubernetes.io/instance",
  "argocd.argoproj.io/instance",
  "applyset.kubernetes.io/part-of",
  "objectset.rio.cattle.io/hash",
];

/** Labels by which a tool would regard an object without an owner as its own. */
export function toolLabelsIn(labels: Readonly<Record<string, string>> | undefined): readonly string[] {
  return TOOL_LABELS.filter((name) => labels !== undefined && Object.hasOwn(labels, name));
}

/** The labels of an object that outlives its server, which no tool must delete. */
export function withoutToolLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !TOOL_LABELS.includes(name)));
}

/** The reference by which a child is deleted with its server, and found again. */
export function ownerOf(server: JupyterServer): OwnerReference {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    name: server.metadata.name,
    uid: server.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
