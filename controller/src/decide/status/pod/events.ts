import type { ReasonWithValues } from "@amalthea/api";
import { missingReference } from "./container.ts";
import type { Observed, ObservedEvent } from "../../live/observed.ts";
import type { LivePod } from "../../live/pod.ts";
import { failing, type Obstacle } from "./obstacle.ts";
import { detail } from "../text.ts";

/**
 * The newest of the events with one of the reasons. Events have no order that one could rely on, and outlive what they
 * are about: those from before `since` speak of an earlier pod or claim of the same name.
 */
export function newestEvent(
  events: readonly ObservedEvent[],
  reasons: readonly string[],
  regardingKind: string,
  since: Date,
): ObservedEvent | undefined {
  return events
    .filter((event) => event.regardingKind === regardingKind && reasons.includes(event.reason))
    .filter((event) => event.lastSeen >= since)
    .toSorted(byNewest)[0];
}

function byNewest(a: ObservedEvent, b: ObservedEvent): number {
  const difference = b.lastSeen.getTime() - a.lastSeen.getTime();
  if (difference !== 0) return difference;
  return `${a.reason} ${a.message}` < `${b.reason} ${b.message}` ? -1 : 1;
}

/** Why the StatefulSet cannot make the pod, as far as its events since `since` tell. */
export function podRefusal(observed: Observed, since: Date): ReasonWithValues | undefined {
  const event = newestEvent(observed.events, ["FailedCreate", "SuccessfulCreate"], "StatefulSet", since);
  if (event?.reason !== "FailedCreate") return undefined;
  const { message } = event;
  const quota = quotaDetail(message);
  if (quota !== undefined) return { reason: "QuotaExceeded", values: { detail: quota } };
  const refusal = /is forbidden: (.*)$/s.exec(message)?.[1] ?? /(admission webhook .*)$/s.exec(message)?.[1];
  if (refusal !== undefined)
    return { reason: "Forbidden", values: { childKey: "statefulset", detail: detail(refusal) } };
  const fault = /is invalid: (.*)$/s.exec(message)?.[1];
  if (fault !== undefined)
    return { reason: "InvalidChild", values: { childKey: "statefulset", detail: detail(fault) } };
  return undefined;
}

/** The quota and its numbers in a refusal of the API server, or undefined when it refused for another reason. */
export function quotaDetail(message: string): string | undefined {
  const quota = /exceeded quota: .*$/s.exec(message)?.[0];
  return quota === undefined ? undefined : detail(quota);
}

/** Why the node cannot mount the pod's volumes, from events since the pod exists. */
export function mountObstacle(observed: Observed, pod: LivePod): Obstacle | undefined {
  const mounted = pod.status?.conditions?.some(
    ({ type, status }) => type === "PodReadyToStartContainers" && status === "True",
  );
  if (mounted === true) return undefined;
  const created = new Date(pod.metadata.creationTimestamp);
  const event = newestEvent(observed.events, ["FailedMount", "FailedAttachVolume"], "Pod", created);
  if (event === undefined) return undefined;
  const missing = missingReference(event.message);
  if (missing !== undefined) return failing(missing);
  const why: ReasonWithValues = { reason: "VolumeMountFailed", values: { detail: detail(event.message) } };
  return { kind: "Waiting", why, since: created, lasting: why };
}
