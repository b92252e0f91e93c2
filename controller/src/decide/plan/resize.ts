import { ANNOTATIONS, CONTAINERS } from "@amalthea/api";
import type { Action } from "../decision.ts";
import { contentHash } from "../values/hash.ts";
import { copyOf, listOf, objectOf, parseObject, valueAt, type JsonObject } from "../values/json.ts";
import { annotationPath, patchMetadata } from "../metadata-patch.ts";
import type { ObservedFailure } from "../live/observed.ts";
import type { ResizeFacts } from "../facts.ts";
import { isSameQuantity } from "../values/quantity.ts";
import { podTarget, type LivePod } from "../live/pod.ts";
import { resourcesOf } from "../live/started-with.ts";

export type ResizePlan = {
  readonly facts: ResizeFacts;
  readonly actions: readonly Action[];
};

/** What can be changed on a running container. */
const RESIZABLE: ReadonlySet<string> = new Set(["cpu", "memory"]);

/** Nothing is to be resized. */
export const NO_RESIZE: ResizePlan = { facts: { kind: "None" }, actions: [] };

/**
 * How a change of resources is applied to a running pod: in place if Kubernetes can, otherwise at its next start.
 *
 * @param desired Resources of the container `jupyter-server`, after patches.
 * @param asked The resources last requested for the container, at its start or since; empty if not known.
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/#limitations
 */
export function planResize(
  pod: LivePod,
  desired: Readonly<JsonObject>,
  asked: Readonly<JsonObject>,
  failures: readonly ObservedFailure[],
): ResizePlan {
  const live = asDefaulted(resourcesOf(pod.spec));
  const wanted = asDefaulted(desired);
  const removed = removedValue(live, wanted, asked);
  if (removed !== undefined) return notPossible(`${removed} was removed, which a running container does not allow`);
  const changes = changedValues(live, wanted);
  if (changes.length === 0) return NO_RESIZE;
  const fixed = changes.find(({ resource }) => !RESIZABLE.has(resource));
  if (fixed !== undefined) return notPossible(`${fixed.resource} cannot change while the container runs`);
  const resources = mergedResources(live, wanted);
  if (qosClass(withResources(pod, resources)) !== qosClass(pod.spec)) {
    return notPossible("it would change the pod's quality-of-service class");
  }
  const desiredHash = contentHash(resources);
  const refusal = failures.find((failure) => failure.childKey === "pod" && failure.desiredHash === desiredHash);
  if (refusal !== undefined && refusal.mayRetry !== true) return notPossible(refusal.message);
  const container = CONTAINERS.jupyter;
  const because = `${changes[0]?.path ?? "resources"} changed`;
  const target = podTarget(pod);
  const resize: Action = { kind: "Resize", childKey: "pod", target, desiredHash, because, container, resources };
  return { facts: { kind: "Requested", container }, actions: [...note(pod, desired), resize] };
}

/** The resources of the last resize that was requested; undefined if there was none. */
export function resizedTo(pod: LivePod): Readonly<JsonObject> | undefined {
  return parseObject(pod.metadata.annotations?.[ANNOTATIONS.resizedTo] ?? "");
}

/**
 * Records the requested resources on the pod before the resize: a value that is removed later would otherwise look like
 * one that something else, such as a LimitRange, has set.
 */
function note(pod: LivePod, desired: Readonly<JsonObject>): readonly Action[] {
  const { annotations } = pod.metadata;
  const value = JSON.stringify(desired);
  if (annotations?.[ANNOTATIONS.resizedTo] === value) return [];
  const operation = { op: "add", path: annotationPath(ANNOTATIONS.resizedTo), value };
  return [patchMetadata(podTarget(pod), annotations, [operation], "its resources are to change")];
}

function notPossible(because: string): ResizePlan {
  return { facts: { kind: "NotPossible", because }, actions: [] };
}

type Change = { readonly path: string; readonly resource: string };

const PARTS = ["requests", "limits"] as const;

function part(resources: Readonly<JsonObject>, name: (typeof PARTS)[number]): Readonly<JsonObject> {
  return objectOf(resources[name]);
}

/** The API server defaults a missing request to the limit. */
function asDefaulted(resources: Readonly<JsonObject>): Readonly<JsonObject> {
  return {
    limits: part(resources, "limits"),
    requests: { ...part(resources, "limits"), ...part(resources, "requests") },
  };
}

function changedValues(live: Readonly<JsonObject>, wanted: Readonly<JsonObject>): readonly Change[] {
  return PARTS.flatMap((name) =>
    Object.entries(part(wanted, name))
      .filter(([resource, amount]) => !isSameQuantity(amount, part(live, name)[resource]))
      .map(([resource]) => ({ path: `resources.${name}.${resource}`, resource })),
  );
}

/** A requested value that is no longer desired. Others may come from a LimitRange. */
function removedValue(
  live: Readonly<JsonObject>,
  wanted: Readonly<JsonObject>,
  asked: Readonly<JsonObject>,
): string | undefined {
  for (const name of PARTS) {
    const gone = Object.keys(part(asked, name)).find(
      (resource) => resource in part(live, name) && !(resource in part(wanted, name)),
    );
    if (gone !== undefined) return `resources.${name}.${gone}`;
  }
  return undefined;
}

function mergedResources(live: Readonly<JsonObject>, wanted: Readonly<JsonObject>): Readonly<JsonObject> {
  const merged = PARTS.map((name) => [name, { ...part(live, name), ...part(wanted, name) }] as const);
  return Object.fromEntries(merged.filter(([, values]) => Object.keys(values).length > 0));
}

function withResources(pod: LivePod, resources: Readonly<JsonObject>): unknown {
  const spec = copyOf(pod.spec ?? { containers: [] });
  const containers = spec.containers.map((container) =>
    container.name === CONTAINERS.jupyter ? { ...container, resources } : container,
  );
  return { ...spec, containers };
}

/** @see https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
function qosClass(podSpec: unknown): "Guaranteed" | "Burstable" | "BestEffort" {
  const containers = [...listOf(valueAt(podSpec, "containers")), ...listOf(valueAt(podSpec, "initContainers"))];
  const all = containers.map((container) => asDefaulted(objectOf(valueAt(container, "resources"))));
  const counted = all.flatMap((resources) => PARTS.flatMap((name) => Object.keys(part(resources, name))));
  if (!counted.some((resource) => RESIZABLE.has(resource))) return "BestEffort";
  const isGuaranteed = all.every((resources) => [...RESIZABLE].every((resource) => isFixed(resources, resource)));
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

function isFixed(resources: Readonly<JsonObject>, resource: string): boolean {
  const limit = part(resources, "limits")[resource];
  return limit !== undefined && isSameQuantity(limit, part(resources, "requests")[resource]);
}

/** Whether two sets of resources have different amounts. */
export function hasOtherResources(before: Readonly<JsonObject>, after: Readonly<JsonObject>): boolean {
  const [then, now] = [asDefaulted(before), asDefaulted(after)];
  return changedValues(then, now).length > 0 || changedValues(now, then).length > 0;
}
