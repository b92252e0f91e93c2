import type { ReasonWithValues } from "@amalthea/api";
import { isContainerOk, lastEnd, missingKey, missingReference, postStartFailure } from "./container.ts";
import { aboutPod, newestEvent } from "../../live/events.ts";
import type { Observed } from "../../live/observed.ts";
import { containerStatusesOf, wasNeverReady, type LivePod } from "../../live/pod.ts";
import { failing, type Obstacle } from "./obstacle.ts";
import { detail } from "../text.ts";
import { trueCondition } from "../../values/conditions.ts";
import { quotaIn } from "../../values/quota.ts";

/**
 * Why the StatefulSet controller cannot create the pod, according to its events since `since`: something about this pod
 * that only a change fixes, or something in the cluster that may be over any time.
 */
export function podRefusal(observed: Observed, since: Date): Exclude<Obstacle, { kind: "Passing" }> | undefined {
  const statefulSet = { kind: "StatefulSet", metadata: observed.server.metadata };
  const event = newestEvent(observed.events, ["FailedCreate", "SuccessfulCreate"], statefulSet, since);
  if (event?.reason !== "FailedCreate") return undefined;
  const { message } = event;
  const quota = quotaDetail(message);
  if (quota !== undefined) return failing({ reason: "QuotaExceeded", values: { detail: quota } });
  const refusal = /is forbidden: (.*)$/s.exec(message)?.[1] ?? /(admission webhook .*)$/s.exec(message)?.[1];
  if (refusal !== undefined)
    return failing({ reason: "Forbidden", values: { childKey: "statefulset", detail: detail(refusal) } });
  const fault = /is invalid: (.*)$/s.exec(message)?.[1];
  if (fault !== undefined)
    return failing({ reason: "InvalidChild", values: { childKey: "statefulset", detail: detail(fault) } });
  const cause = /failed error: (?:Internal error occurred: )?(.*)$/s.exec(message)?.[1] ?? message;
  const why: ReasonWithValues = { reason: "PodCreationFailed", values: { detail: detail(cause) } };
  return { kind: "Waiting", why, since, lasting: why };
}

/** The quota and its numbers in a refusal of the API server, or undefined when it refused for another reason. */
export function quotaDetail(message: string): string | undefined {
  const quota = quotaIn(message);
  return quota === undefined ? undefined : detail(quota);
}

/** What keeps a container from starting, and, if that is its image, which pull secrets the node did not find. */
export function withMissingPullSecrets(
  observed: Observed,
  pod: LivePod,
  obstacle: Obstacle | undefined,
): Obstacle | undefined {
  if (obstacle?.why.reason !== "ImageNotFound") return obstacle;
  const created = new Date(pod.metadata.creationTimestamp);
  const event = newestEvent(observed.events, ["FailedToRetrieveImagePullSecret"], aboutPod(pod), created);
  const missingSecrets = /image pull secrets \(([^)]+)\)/.exec(event?.message ?? "")?.[1];
  if (missingSecrets === undefined) return obstacle;
  const values = { ...obstacle.why.values, missingSecrets: detail(missingSecrets) };
  return { ...obstacle, why: { reason: "ImageNotFound", values } };
}

/** Exit codes of a container that the kubelet stopped: its own, or those of the two signals. */
const STOPPED_CODES: readonly unknown[] = [0, 137, 143];

/**
 * A container that was stopped because its handler after the start failed, by an Event: its own status says so for a
 * moment only, and then how it ended. Any Event of a pod that was never ready counts: after a few attempts the kubelet
 * sends no more. In one that was ready, the handler had succeeded.
 */
export function failedPostStart(observed: Observed, pod: LivePod): Obstacle | undefined {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const names = containers.filter(({ lifecycle }) => lifecycle?.postStart !== undefined).map(({ name }) => name);
  const status = containerStatusesOf(pod).find((one) => names.includes(one.name) && !isContainerOk(one));
  const end = status && lastEnd(status);
  if (status === undefined || !STOPPED_CODES.includes(end?.exitCode) || end?.reason === "OOMKilled") return undefined;
  const since = new Date(wasNeverReady(pod) ? pod.metadata.creationTimestamp : (end?.startedAt ?? ""));
  const event = newestEvent(observed.events, ["FailedPostStartHook"], aboutPod(pod), since);
  return event && failing(postStartFailure(status.name));
}

/** Why the node cannot set up the pod or mount its volumes, from events since the pod exists. */
export function setupObstacle(observed: Observed, pod: LivePod): Obstacle | undefined {
  if (trueCondition(pod, "PodReadyToStartContainers") !== undefined) return undefined;
  const created = new Date(pod.metadata.creationTimestamp);
  const event = newestEvent(
    observed.events,
    ["FailedMount", "FailedAttachVolume", SANDBOX_FAILED],
    aboutPod(pod),
    created,
  );
  if (event === undefined) return undefined;
  const missing = missingReference(event.message) ?? missingVolumeKey(event.message, pod);
  if (missing !== undefined) return failing(missing);
  const why: ReasonWithValues =
    event.reason === SANDBOX_FAILED
      ? { reason: "SandboxFailed", values: { detail: sandboxDetail(event.message) } }
      : { reason: "VolumeMountFailed", values: { detail: detail(event.message) } };
  return { kind: "Waiting", why, since: created, lasting: why };
}

const SANDBOX_FAILED = "FailedCreatePodSandBox";

/** Without the id, which differs for each attempt: the status would be written each time. */
function sandboxDetail(message: string): string {
  return detail(
    message
      .replace(/^Failed to create pod sandbox: /, "")
      .replace(/rpc error: code = \w+ desc = /g, "")
      .replace(/ ?"?\b[0-9a-f]{32,}\b"?/g, ""),
  );
}

/** A key that a volume needs: the kubelet names volume and key alone. */
function missingVolumeKey(message: string, pod: LivePod): ReasonWithValues | undefined {
  const [, volumeName] = /for volume "([^"]+)"/.exec(message) ?? [];
  const [, kind, key] = /references non-existent (secret|config) key: ([^\s,\]]+)/.exec(message) ?? [];
  const volume = pod.spec?.volumes?.find(({ name }) => name === volumeName);
  if (volume === undefined || kind === undefined || key === undefined) return undefined;
  const sources = [
    { secret: { ...volume.secret, name: volume.secret?.secretName }, configMap: volume.configMap },
    ...(volume.projected?.sources ?? []),
  ].map((source) => (kind === "secret" ? source.secret : source.configMap));
  const name = sources.find((source) => source?.items?.some((item) => item.key === key))?.name;
  return name === undefined ? undefined : missingKey(kind, name, key);
}
