import { ANNOTATIONS, CONTAINERS } from "@amalthea/api";
import type { Pod, ResourceRequirements } from "kubernetes-types/core/v1.js";
import { trueCondition } from "../values/conditions.ts";
import { isSameQuantity } from "../values/quantity.ts";

/** The kubelet's result of a resize. */
export type ResizeResult = "Completed" | "Deferred" | "Infeasible" | "Failed";

type Resizing = "None" | "Running" | Exclude<ResizeResult, "Completed">;

type Seen = Pick<Pod, "spec" | "status"> & {
  readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
};

/** What is new about the resize of a pod between two of its versions; undefined if nothing is, or none was requested. */
export function resizeResultBetween(previous: Seen, current: Seen): ResizeResult | undefined {
  if (previous.metadata.uid !== current.metadata.uid) return undefined;
  if (current.metadata.annotations?.[ANNOTATIONS.resizedTo] === undefined) return undefined;
  const [before, now] = [resizing(previous), resizing(current)];
  if (before === now || now === "Running") return undefined;
  return now === "None" ? "Completed" : now;
}

/** @see https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/#pod-resize-status */
function resizing(pod: Seen): Resizing {
  const pending = trueCondition(pod, "PodResizePending");
  if (pending !== undefined) return pending.reason === "Infeasible" ? "Infeasible" : "Deferred";
  const progress = trueCondition(pod, "PodResizeInProgress");
  if (progress !== undefined) return progress.reason === "Error" ? "Failed" : "Running";
  return hasItsResources(pod) ? "None" : "Running";
}

/** Whether the container has what the pod's spec says, as far as the kubelet tells. */
function hasItsResources({ spec, status }: Seen): boolean {
  const isJupyter = ({ name }: { readonly name: string }): boolean => name === CONTAINERS.jupyter;
  const wanted = spec?.containers.find(isJupyter)?.resources;
  const reported = status?.containerStatuses?.find(isJupyter) as { readonly resources?: ResourceRequirements }; // newer than the types
  const present = reported?.resources;
  return (
    present === undefined || (["requests", "limits"] as const).every((part) => isPartOf(wanted?.[part], present[part]))
  );
}

type Amounts = Readonly<Record<string, unknown>> | undefined;

function isPartOf(wanted: Amounts = {}, present: Amounts = {}): boolean {
  return Object.entries(wanted).every(([resource, amount]) => isSameQuantity(amount, present[resource]));
}
