import { ANNOTATIONS, type FilesLost, type JupyterServer, type ReasonWithValues } from "@amalthea/api";
import type { PlanFacts } from "../facts.ts";
import { filesBySpec, whatIsLost } from "../live/files.ts";
import type { FormerPod, Observed } from "../live/observed.ts";
import { wasNeverReady } from "../live/pod.ts";
import { requestedRestart } from "../live/restart-request.ts";
import { trueCondition } from "../values/conditions.ts";
import { kubernetesTime } from "../values/time.ts";
import { detail } from "./text.ts";

/**
 * The loss of files to report now: of a pod that was in use and terminated without a request, or an earlier one that
 * nobody has acknowledged. Undefined where all of a server's files are on a volume.
 */
export function filesLost(observed: Observed, facts: PlanFacts, now: Date): FilesLost | undefined {
  const { server } = observed;
  if (server.metadata.deletionTimestamp !== undefined || server.spec.jupyterServer.hibernated) return undefined;
  if (whatIsLost(filesBySpec(server)) === undefined) return undefined;
  return freshLoss(observed, facts, now) ?? unseen(server);
}

/** The sentence's values. */
export function lossReason(server: JupyterServer, { at, cause }: FilesLost): ReasonWithValues {
  return { reason: "FilesLost", values: { what: whatIsLost(filesBySpec(server)) ?? "Files of the server", at, cause } };
}

function unseen(server: JupyterServer): FilesLost | undefined {
  const lost = server.status?.filesLost;
  return lost === undefined || isSeen(server, lost.at) ? undefined : lost;
}

/** Whether somebody has seen a loss of this time, or a later one. */
function isSeen({ metadata }: JupyterServer, time: string): boolean {
  return Date.parse(metadata.annotations?.[ANNOTATIONS.lossSeen] ?? "") >= Date.parse(time);
}

function freshLoss(observed: Observed, { restarting }: PlanFacts, now: Date): FilesLost | undefined {
  const { mainPod, filesLost: known } = observed.server.status ?? {};
  const podUid = mainPod?.uid;
  if (podUid === undefined || known?.podUid === podUid || restarting) return undefined;
  const former = [observed.pod, observed.formerPod].find((seen) => seen?.metadata.uid === podUid);
  if (!isPodLost(observed, podUid, former)) return undefined;
  if (former !== undefined && wasAskedFor(observed, former)) return undefined;
  return { at: kubernetesTime(now), podUid, cause: causeOf(former) };
}

/** Whether the pod went for a restart. With `updatePolicy: Restart`, one that was merely deleted may well have. */
function wasAskedFor(observed: Observed, pod: FormerPod): boolean {
  if (requestedRestart(observed, pod) !== undefined) return true;
  return observed.server.spec.updatePolicy === "Restart" && causeOf(pod) === DELETED;
}

/** Whether this pod was in use, and is gone or terminating. */
function isPodLost({ server, pod }: Observed, podUid: string, former: FormerPod | undefined): boolean {
  if (pod?.metadata.uid !== podUid) return wasInUse(server, ["NotReady", "NodeLost"]) || wasForced(server, former);
  const isEnding = pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === "Failed";
  return isEnding && (wasInUse(server, ["NotReady"]) || wasForced(server, pod));
}

/**
 * Whether a pod that was ready once was ended by its node or by the control plane. Its containers may have stopped before
 * that was visible: then the server's status only says that it is starting. A loss that was detected since the pod
 * started is this one, and not reported again while the pod still exists.
 */
function wasForced(server: JupyterServer, pod: FormerPod | undefined): boolean {
  const startTime = pod?.status?.startTime;
  if (pod === undefined || startTime === undefined || wasNeverReady(pod) || isSeen(server, startTime)) return false;
  return (
    (pod.status?.phase === "Failed" && pod.status.reason === "Evicted") ||
    trueCondition(pod, "DisruptionTarget") !== undefined
  );
}

/**
 * Whether the server was open to its user, as far as its status tells: it ran, or had run and was in one of these
 * troubles.
 */
function wasInUse({ status }: JupyterServer, troubles: readonly string[]): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return status?.state === "running" || troubles.includes(ready?.reason ?? "");
}

const DELETED = "its pod was deleted";

/** @see https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions */
const DISRUPTIONS: Readonly<Record<string, string>> = {
  EvictionByEvictionAPI: "its pod was evicted, as happens when a node is drained",
  PreemptionByScheduler: "a pod of higher priority took its place",
  DeletionByTaintManager: "its node was lost or is no longer for it",
  DeletionByPodGC: "its node is gone",
};

function causeOf(pod: FormerPod | undefined): string {
  if (pod === undefined) return "its pod was replaced";
  const { phase, reason, message = "" } = pod.status ?? {};
  if (reason === "Evicted") return `its pod was evicted: ${detail(message)}`;
  const disruption = trueCondition(pod, "DisruptionTarget");
  const known = DISRUPTIONS[disruption?.reason ?? ""];
  if (known !== undefined) return known;
  if (disruption?.message !== undefined) return `its node ended its pod: ${detail(disruption.message)}`;
  return phase === "Failed" ? `its pod failed: ${detail(message === "" ? (reason ?? "it ended") : message)}` : DELETED;
}
