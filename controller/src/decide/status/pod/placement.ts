import type { ReasonWithValues } from "@amalthea/api";
import type { PodCondition } from "kubernetes-types/core/v1.js";
import type { LiveChild, Observed, ObservedEvent } from "../../live/observed.ts";
import type { LivePod } from "../../live/pod.ts";
import { newestEvent } from "./events.ts";
import { failing, type Obstacle } from "./obstacle.ts";
import { detail, detailSentence } from "../text.ts";

/** Why the pod has no node yet, or undefined when it has one or nobody has looked for one yet. */
export function placement(observed: Observed, pod: LivePod): Obstacle | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  return volumeObstacle(observed, scheduled.message ?? "") ?? unschedulable(observed, pod, scheduled);
}

function unschedulable(observed: Observed, pod: LivePod, scheduled: PodCondition): Obstacle {
  const since = instant(scheduled.lastTransitionTime) ?? new Date(pod.metadata.creationTimestamp);
  const lasting: ReasonWithValues = {
    reason: "Unschedulable",
    values: { detail: detailSentence(scheduled.message ?? "the scheduler does not say why") },
  };
  const scaleUp = newestEvent(observed.events, ["TriggeredScaleUp"], "Pod", since);
  if (scaleUp === undefined) return { kind: "Waiting", why: lasting, since, lasting };
  // The grace period starts again: a new node takes its minutes.
  const why: ReasonWithValues = { reason: "ScalingUp", values: { detail: detail(scaleUp.message) } };
  return { kind: "Waiting", why, since: scaleUp.lastSeen, lasting };
}

/** What the scheduler and the claim say about a volume that keeps the pod from having a node. */
function volumeObstacle(observed: Observed, message: string): Obstacle | undefined {
  const storageClass = missingStorageClass(message);
  if (storageClass !== undefined) return failing({ reason: "StorageClassMissing", values: { storageClass } });
  const claim = claimObstacle(observed);
  if (claim !== undefined) return claim;
  const missing = /persistentvolumeclaim "([^"]+)" not found/.exec(message)?.[1];
  // A claim of ours that is missing is being created in this very reconcile.
  if (missing !== undefined && missing === observed.server.spec.storage.pvc.existingClaim) {
    return failing({ reason: "ClaimMissing", values: { claim: missing } });
  }
  return undefined;
}

/** Why the server's own claim has no volume; undefined when it has one, or waits only for the pod to have a node. */
function claimObstacle(observed: Observed): Obstacle | undefined {
  const claim = observed.children.find(({ kind }) => kind === "PersistentVolumeClaim");
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return undefined;
  const name = claim.metadata.name;
  if (claim.status?.["phase"] === "Lost") return failing({ reason: "ClaimLost", values: { claim: name } });
  if (claim.status?.["phase"] !== "Pending") return undefined;
  const event = newestClaimEvent(observed.events, claim);
  if (event === undefined) return undefined;
  const storageClass = missingStorageClass(event.message);
  if (storageClass !== undefined) return failing({ reason: "StorageClassMissing", values: { storageClass } });
  const why: ReasonWithValues = {
    reason: "ClaimPending",
    values: { claim: name, detail: detail(event.message) },
  };
  return { kind: "Waiting", why, since: new Date(claim.metadata.creationTimestamp), lasting: why };
}

function newestClaimEvent(events: readonly ObservedEvent[], claim: LiveChild): ObservedEvent | undefined {
  const since = new Date(claim.metadata.creationTimestamp);
  return newestEvent(events, ["ProvisioningFailed", "FailedBinding"], "PersistentVolumeClaim", since);
}

function missingStorageClass(message: string): string | undefined {
  return /storageclass(?:\.storage\.k8s\.io)? "([^"]+)" not found/i.exec(message)?.[1];
}

function instant(time: unknown): Date | undefined {
  return typeof time === "string" ? new Date(time) : undefined;
}
