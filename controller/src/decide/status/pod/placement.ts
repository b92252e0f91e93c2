import { childName, type ReasonWithValues } from "@amalthea/api";
import type { PodCondition } from "kubernetes-types/core/v1.js";
import type { LiveChild, Observed } from "../../live/observed.ts";
import { isTerminating } from "../../live/child.ts";
import { claimsInUse, mountedClaimNames } from "../../live/claim.ts";
import { aboutPod, newestEvent } from "../../live/events.ts";
import type { LivePod } from "../../live/pod.ts";
import { failing, type Obstacle } from "./obstacle.ts";
import { detail, detailSentence } from "../text.ts";

/** Why the pod is not scheduled yet, or undefined if it is or has not been considered yet. */
export function placement(observed: Observed, pod: LivePod): Obstacle | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  if (scheduled.reason === "SchedulingGated") return gated(pod);
  return volumeObstacle(observed, pod, scheduled) ?? unschedulable(observed, pod, scheduled);
}

/** A queue may be long: waiting in it is not a failure. */
function gated(pod: LivePod): Obstacle {
  const gates = (pod.spec?.schedulingGates ?? []).map(({ name }) => name);
  return { kind: "Passing", why: { reason: "SchedulingGated", values: { gates } } };
}

/** Reasons of Events with which the cluster autoscaler and Karpenter say that a node will come. */
const SCALE_UPS = ["TriggeredScaleUp", "Nominated"] as const;

function unschedulable(observed: Observed, pod: LivePod, scheduled: PodCondition): Obstacle {
  const since = new Date(scheduled.lastTransitionTime ?? pod.metadata.creationTimestamp);
  const message = scheduled.message ?? "the scheduler does not say why";
  const lasting: ReasonWithValues = {
    reason: isNoNodeMatching(message) ? "NoMatchingNode" : "Unschedulable",
    values: { detail: detailSentence(message) },
  };
  const scaleUp = newestEvent(observed.events, SCALE_UPS, aboutPod(pod), since);
  if (scaleUp === undefined) return { kind: "Waiting", why: lasting, since, lasting };
  // The grace period starts again: a new node takes minutes.
  const why: ReasonWithValues = { reason: "ScalingUp", values: { detail: detail(scaleUp.message) } };
  return { kind: "Waiting", why, since: scaleUp.lastSeen, lasting };
}

/**
 * Whether every node was left out for its labels or taints, and at least one for its labels: more room would not help.
 *
 * @see https://github.com/kubernetes/kubernetes/blob/master/pkg/scheduler/framework/types.go the form of the message
 */
function isNoNodeMatching(message: string): boolean {
  const causes = /^0\/\d+ nodes are available: (.*?)\.(\s|$)/s.exec(message)?.[1]?.split(", ") ?? [];
  const isOfLabels = (cause: string): boolean => /didn't match (Pod's )?node (affinity|selector)/i.test(cause);
  return causes.some(isOfLabels) && causes.every((cause) => isOfLabels(cause) || /untolerated taint/.test(cause));
}

/** What the scheduler and the claim say about a volume that keeps the pod from having a node. */
function volumeObstacle(
  observed: Observed,
  pod: LivePod,
  { message = "", ...scheduled }: PodCondition,
): Obstacle | undefined {
  const storageClass = missingStorageClass(message);
  if (storageClass !== undefined) return failing({ reason: "StorageClassMissing", values: { storageClass } });
  const isUnbound = /unbound immediate PersistentVolumeClaims/i.test(message);
  const claim = claimObstacle(observed, isUnbound);
  if (claim !== undefined) return claim;
  const missing = /persistentvolumeclaim "([^"]+)" (?:not found|is being deleted)/.exec(message)?.[1];
  if (missing !== undefined) return missingClaim(observed, missing);
  const others = isUnbound ? mountedClaimNames(pod).filter((name) => name !== ownClaimName(observed)) : [];
  if (others.length === 0) return undefined;
  const why = pendingClaim(others.join(", "), "it is not bound to a volume");
  const since = new Date(scheduled.lastTransitionTime ?? pod.metadata.creationTimestamp);
  return { kind: "Waiting", why, since, lasting: why };
}

/** A claim of ours that is missing is being created in this very reconcile. */
function missingClaim(observed: Observed, claim: string): Obstacle {
  if (claim !== ownClaimName(observed)) return failing({ reason: "ClaimMissing", values: { claim } });
  return {
    kind: "Passing",
    why: { reason: "Starting", values: { detail: `its PersistentVolumeClaim ${claim} is being created` } },
  };
}

/** The claim that is made for the server; undefined where it has none, or somebody else's. */
function ownClaimName({ server }: Observed): string | undefined {
  const { enabled, existingClaim } = server.spec.storage.pvc;
  return enabled && existingClaim === undefined ? childName(server) : undefined;
}

/** Why a claim has no volume, of one whose Event says so before one that nobody has said anything about. */
function claimObstacle(observed: Observed, isUnbound: boolean): Obstacle | undefined {
  const claims = claimsInUse(observed).filter((claim) => !isTerminating(claim));
  const obstacles = [false, ...(isUnbound ? [true] : [])].flatMap((isBlamed) =>
    claims.map((claim) => obstacleOfClaim(observed, claim, isBlamed)),
  );
  return obstacles.find((obstacle) => obstacle !== undefined);
}

/** Why this claim has no volume; undefined when it has one, or waits only for the pod to have a node. */
function obstacleOfClaim(observed: Observed, claim: LiveChild, isUnbound: boolean): Obstacle | undefined {
  const name = claim.metadata.name;
  if (claim.status?.["phase"] === "Lost") return failing({ reason: "ClaimLost", values: { claim: name } });
  if (claim.status?.["phase"] !== "Pending") return undefined;
  const created = new Date(claim.metadata.creationTimestamp);
  const event = newestEvent(observed.events, ["ProvisioningFailed", "VolumeMismatch"], claim, created);
  if (event === undefined && !isUnbound) return undefined;
  const storageClass = missingStorageClass(event?.message ?? "");
  if (storageClass !== undefined) return failing({ reason: "StorageClassMissing", values: { storageClass } });
  const why = pendingClaim(name, event === undefined ? silenceOf(claim) : detail(event.message));
  return { kind: "Waiting", why, since: created, lasting: why };
}

/** What is known of a claim without events. */
function silenceOf({ spec }: LiveChild): string {
  const { volumeName, selector, storageClassName: storageClass } = spec ?? {};
  if (typeof volumeName === "string") {
    return `the volume ${volumeName} that it names does not exist, or another claim has it (kubectl get pv ${volumeName})`;
  }
  if (typeof storageClass === "string" && storageClass !== "") {
    return `its storage class ${storageClass} has not provided one`;
  }
  return selector === undefined
    ? "it names no storage class, and the cluster has no default one"
    : "no free volume matches its selector";
}

function pendingClaim(claim: string, text: string): ReasonWithValues {
  return { reason: "ClaimPending", values: { claim, detail: text } };
}

function missingStorageClass(message: string): string | undefined {
  return /storageclass(?:\.storage\.k8s\.io)? "([^"]+)" not found/i.exec(message)?.[1];
}
