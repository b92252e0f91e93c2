import {
  LABELS,
  type Condition,
  type ChildStatus,
  type JupyterServerStatus,
  type MainPod,
  type ServerState,
} from "@amalthea/api";
import { isPullReason } from "./pod/image.ts";
import { usageToShow } from "./usage.ts";
import { trueCondition } from "../values/conditions.ts";
import { isObject, objectOf } from "../values/json.ts";
import { byAge } from "../values/time.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { isOwnKind } from "../live/child.ts";

type ChildStatuses = Readonly<Record<string, ChildStatus>>;

/**
 * Fields of a mirrored status that are meaningless to clients, or change although nothing happened: bookkeeping of
 * controllers, and what the spec of the object says, too.
 */
const NOISE: readonly string[] = [
  "observedGeneration",
  "collisionCount",
  "lastProbeTime",
  "allocatedResources",
  "allocatedResourcesStatus",
  "volumeMounts",
  "hostIPs",
  "podIPs",
  "user",
  "stopSignal",
];

/** The children by their key in the patch document, as clients read them in `status.children`. */
export function mirroredChildren(observed: Observed): ChildStatuses {
  const entries = observed.children
    .toSorted((a, b) => byAge(a.metadata, b.metadata)) // of two with the same key (one is being deleted) the later counts
    .flatMap((child) => {
      const key = child.metadata.labels?.[LABELS.childKey];
      return key === undefined ? [] : [[key, mirroredChild(child, observed)] as const];
    })
    .concat(secretEntries(observed));
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Of a kind that an administrator lets patches add, its identity alone: its status may change all the time. */
function mirroredChild(child: LiveChild, observed: Observed): ChildStatus {
  const { apiVersion, kind, metadata } = child;
  const identity = { uid: metadata.uid, name: metadata.name, kind, apiVersion };
  if (!isOwnKind(child)) return identity;
  const status = kind === "StatefulSet" ? replicaStatus(observed) : child.status && objectOf(quiet(child.status));
  return status === undefined ? identity : { ...identity, status };
}

/**
 * The replicas as we see them. The StatefulSet's own numbers follow a moment later: mirroring them would cost a second
 * write of the status for every pod that becomes ready or goes.
 */
function replicaStatus({ pod }: Observed): Readonly<Record<string, unknown>> {
  const isReady = trueCondition(pod, "Ready") !== undefined;
  return { replicas: pod === undefined ? 0 : 1, readyReplicas: isReady ? 1 : 0 };
}

/** Secrets are not watched: until one is read again, the last read counts. */
function secretEntries({ secret, server }: Observed): (readonly [string, ChildStatus])[] {
  const known = server.status?.children?.["secret"];
  switch (secret.kind) {
    case "Unknown":
      return known === undefined ? [] : [["secret", identityOf(known)]];
    case "Present":
      return [["secret", { uid: secret.uid, name: server.metadata.name, kind: "Secret", apiVersion: "v1" }]];
  }
}

function identityOf({ uid, name, kind, apiVersion }: ChildStatus): ChildStatus {
  return { uid, name, kind, apiVersion };
}

/** The pod as clients read it in `status.mainPod`, with what it uses. */
export function mirroredPod({ pod, server, usage: observedUsage }: Observed): MainPod | undefined {
  if (pod === undefined) return undefined;
  const { uid, name } = pod.metadata;
  const usage = usageToShow(server.status?.mainPod, uid, observedUsage);
  const mirrored = { uid, name, kind: "Pod", apiVersion: "v1", status: objectOf(quiet(withStableStates(pod.status))) };
  return usage === undefined ? mirrored : { ...mirrored, resourceUsage: usage };
}

function withStableStates(status: unknown): unknown {
  if (Array.isArray(status)) return status.map(withStableStates);
  if (!isObject(status)) return status;
  return Object.fromEntries(Object.entries(status).map(([key, value]) => [key, stableState(key, value)]));
}

/**
 * A container's termination message may be the end of its log, and Jupyter logs its address with the token in it. A
 * missing image is mirrored with the same reason whether the kubelet is pulling or backing off: each attempt would cost
 * two writes, for ever. The cause is in the conditions.
 */
function stableState(key: string, value: unknown): unknown {
  if (!isObject(value)) return withStableStates(value);
  if (key === "terminated") return Object.fromEntries(Object.entries(value).filter(([field]) => field !== "message"));
  if (key === "waiting" && isPullReason(value["reason"])) return { reason: "ImagePullBackOff" };
  return withStableStates(value);
}

/**
 * What keeps the server from running, where clients of 0.24 look for it: under the StatefulSet, whatever the cause,
 * because 0.24 wrote only there. Undefined if nothing does.
 */
export function obstacleEvents(
  state: ServerState,
  conditions: readonly Condition[],
): NonNullable<JupyterServerStatus["events"]> | undefined {
  const stalled = conditions.find(({ type }) => type === "Stalled");
  if (stalled === undefined || (state !== "failed" && state !== "starting")) return undefined;
  return { statefulset: { message: stalled.message, timestamp: stalled.lastTransitionTime } };
}

/** uids by child key, as clients read them in `status.create_fn`. */
export function createdResources(children: ChildStatuses): NonNullable<JupyterServerStatus["create_fn"]> {
  return { createdResources: Object.fromEntries(Object.entries(children).map(([key, { uid }]) => [key, uid])) };
}

/** Without noise and nulls, at every depth: a merge patch takes null as "remove", so a null could never be settled. */
function quiet(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(quiet);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, part]) => part !== null && part !== undefined && !NOISE.includes(key))
      .map(([key, part]) => [key, quiet(part)]),
  );
}
