import { ANNOTATIONS } from "@amalthea/api";
import { valueAt } from "../values/json.ts";
import { templateAnnotations } from "./child.ts";
import type { FormerPod, Observed } from "./observed.ts";

/** Requests to restart, by annotation of the server or by `kubectl rollout restart`, that a new pod would carry. */
function restartRequests(observed: Observed): readonly (readonly [string, unknown])[] {
  return [
    [ANNOTATIONS.restartedAt, observed.server.metadata.annotations?.[ANNOTATIONS.restartedAt]],
    [ANNOTATIONS.kubectlRestartedAt, valueAt(templateAnnotations(observed), ANNOTATIONS.kubectlRestartedAt)],
  ];
}

/**
 * Why a restart is requested: the pod does not carry a request that a new pod would carry. Values are compared,
 * not times: the clock of the client may be wrong. Undefined if none is requested.
 */
export function requestedRestart(observed: Observed, pod: FormerPod): string | undefined {
  const request = restartRequests(observed).find(
    ([name, value]) => typeof value === "string" && pod.metadata.annotations?.[name] !== value,
  );
  return request === undefined ? undefined : `${request[0]} is ${String(request[1])}`;
}
