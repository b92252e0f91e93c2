import type { JupyterServerStatus, ServerState } from "@amalthea/api";
import { isResumedUnseen } from "../culling/hibernated-by.ts";
import { childKeyOf } from "../live/child.ts";
import type { Observed } from "../live/observed.ts";
import { wasNeverReady } from "../live/pod.ts";
import { clientTime } from "../values/time.ts";

/** When the current run of the server began, and whether the server was ever ready. */
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
  if (isResumedUnseen(server)) return clientTime(now);
  const before = server.status;
  if (before?.startedAt !== undefined) return before.startedAt;
  const isRunningAlready = before?.state !== undefined && before.state !== "hibernated" && pod !== undefined;
  // It ran before the controller knew of runs, under 0.24 for instance.
  return isRunningAlready ? clientTime(new Date(pod.metadata.creationTimestamp)) : clientTime(now);
}

/** Unknown is not never: a server that was restored without its status may have files. */
function isNeverReady(observed: Observed): boolean {
  const { state, neverReady } = observed.server.status ?? {};
  if (isClaimTaken(observed)) return false;
  if (state !== undefined) return neverReady === true;
  const { pod, children, isClaimNew } = observed;
  const hasOlderClaim = !isClaimNew && children.some((child) => childKeyOf(child) === CLAIM);
  return !hasOlderClaim && (pod === undefined || wasNeverReady(pod));
}

const CLAIM = "pvc";

/**
 * A claim that was restored belongs to no server, and is in the way of the one it belonged to until its spec names it.
 */
function isClaimTaken({ failures }: Observed): boolean {
  return failures.some(
    ({ childKey, code, isHeldByEarlier }) => childKey === CLAIM && code === 409 && isHeldByEarlier !== true,
  );
}
