import type { JupyterServerStatus, ServerState } from "@amalthea/api";
import { childKeyOf } from "../live/child.ts";
import type { Observed } from "../live/observed.ts";
import { wasNeverReady } from "../live/pod.ts";
import { clientTime } from "../values/time.ts";

/** When the present run of the server began, and whether the server was ever ready. */
export function runOf(
  observed: Observed,
  state: ServerState,
  now: Date,
): Pick<JupyterServerStatus, "startedAt" | "neverReady"> {
  const startedAt = startOf(observed, state, now);
  const isNew = state !== "running" && isNeverReady(observed);
  return { ...(startedAt === undefined ? {} : { startedAt }), ...(isNew ? { neverReady: true } : {}) };
}

function startOf({ server, pod }: Observed, state: ServerState, now: Date): string | undefined {
  if (state === "hibernated") return undefined;
  const before = server.status;
  if (before?.startedAt !== undefined) return before.startedAt;
  const isRunningAlready = before?.state !== undefined && before.state !== "hibernated" && pod !== undefined;
  // It ran before the controller knew of runs, under 0.24 for instance.
  return isRunningAlready ? clientTime(new Date(pod.metadata.creationTimestamp)) : clientTime(now);
}

/** Unknown is not never: a server whose status was lost, as after a restore, may have files. */
function isNeverReady({ server, pod, children }: Observed): boolean {
  const { state, neverReady } = server.status ?? {};
  if (state !== undefined) return neverReady === true;
  // In the same second a new server gets its claim.
  const isOlder = children.some(
    (child) => childKeyOf(child) === "pvc" && child.metadata.creationTimestamp < server.metadata.creationTimestamp,
  );
  return !isOlder && (pod === undefined || wasNeverReady(pod));
}
